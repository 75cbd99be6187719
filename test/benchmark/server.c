/* A server that costs next to nothing: one thread, epoll, the same answer for every request.
 *
 * server ANSWER: prints its port, serves until standard input ends. "GET /stats" tells what was counted of all other
 * requests; TCP_INFO has the number of packets also where one read took two of them.
 */
#define _GNU_SOURCE
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 4096, REQUEST = 65536 };

static struct connection {
    char *data;
    size_t length;
    unsigned reads, packets;
    int counted;
} connections[CONNECTIONS];

static unsigned long opened, requests, reads, packets;

static unsigned packets_of(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size);
    return info.tcpi_data_segs_in;
}

static void count(int fd, struct connection *c)
{
    unsigned now = packets_of(fd);
    opened += !c->counted;
    c->counted = 1;
    requests++;
    reads += c->reads;
    packets += now - c->packets;
    c->packets = now;
}

static void write_stats(int fd)
{
    char body[256], answer[512];
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    int size = snprintf(body, sizeof body,
        "{\"connections\": %lu, \"requests\": %lu, \"reads\": %lu, \"packets\": %lu, \"cpu\": %f}",
        opened, requests, reads, packets, cpu);
    size = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, body);
    if (write(fd, answer, size) != size)
        exit(1);
}

/* Tell whether the connection holds a whole request. */
static int is_whole(struct connection *c)
{
    c->data[c->length] = 0;
    char *end = strstr(c->data, "\r\n\r\n");
    if (!end)
        return 0;
    char *field = strcasestr(c->data, "\r\ncontent-length:");
    size_t body = field && field < end ? strtoul(field + 17, NULL, 10) : 0;
    return c->length >= (size_t)(end + 4 - c->data) + body;
}

int main(int argc, char **argv)
{
    const char *answer = argc > 1 ? argv[1] : "";
    size_t size = strlen(answer);
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0), poll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 512))
        return 1;
    getsockname(listener, (struct sockaddr *)&address, &length);
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);

    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[64];
    epoll_ctl(poll, EPOLL_CTL_ADD, listener, &event);
    event.data.fd = 0;
    epoll_ctl(poll, EPOLL_CTL_ADD, 0, &event);
    for (;;) {
        int number = epoll_wait(poll, ready, 64, -1);
        for (int i = 0; i < number; i++) {
            int fd = ready[i].data.fd;
            if (fd == 0)
                return 0; /* who started the server is gone */
            if (fd == listener) {
                fd = accept(listener, NULL, NULL);
                if (fd < 0 || fd >= CONNECTIONS)
                    return 1;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                char *data = connections[fd].data;
                connections[fd] = (struct connection){.data = data ? data : malloc(REQUEST + 1)};
                event.data.fd = fd;
                epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event);
                continue;
            }
            struct connection *c = &connections[fd];
            ssize_t got = read(fd, c->data + c->length, REQUEST - c->length);
            if (got <= 0) {
                close(fd);
                continue;
            }
            c->length += got;
            c->reads++;
            if (!is_whole(c))
                continue;
            if (strncmp(c->data, "GET /stats ", 11)) {
                count(fd, c);
                if (write(fd, answer, size) < 0)
                    close(fd);
            } else {
                write_stats(fd);
            }
            c->length = c->reads = 0;
        }
    }
}
