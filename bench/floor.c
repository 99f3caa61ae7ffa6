/* The least that a TFTP server can do per block: one file in memory, one connected socket for each transfer, epoll,
 * recv, send. No options, no checks beyond the block number, no timers. What it costs is the floor for any server that
 * gives each transfer a socket.
 *
 *   floor PORT SIZE
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BLOCK = 512, MOST = 65536 };
static uint32_t sent[MOST];
static char *file;
static uint32_t size;

static void send_block(int fd, uint32_t number) {
    unsigned char packet[4 + BLOCK] = {0, 3, number >> 8, number & 255};
    uint32_t at = (number - 1) * BLOCK, len = size - at < BLOCK ? size - at : BLOCK;
    memcpy(packet + 4, file + at, len);
    sent[fd] = number;
    if (send(fd, packet, 4 + len, 0) < 0) return;
}

int main(int argc, char **argv) {
    if (argc != 3) return fprintf(stderr, "see the head of floor.c\n"), 2;
    struct rlimit many;
    getrlimit(RLIMIT_NOFILE, &many);
    many.rlim_cur = many.rlim_max;
    setrlimit(RLIMIT_NOFILE, &many);
    size = atoi(argv[2]);
    file = calloc(1, size + BLOCK);
    int epoll_fd = epoll_create1(0), listener = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), room = 4 << 20;
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(0x7f000001)};
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(listener, (struct sockaddr *)&own, sizeof own)) return perror("bind"), 1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &event);
    own.sin_port = 0;
    for (;;) {
        int ready = epoll_wait(epoll_fd, events, 256, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            unsigned char data[128];
            struct sockaddr_in peer;
            socklen_t peer_size = sizeof peer;
            if (fd != listener) {
                if (recv(fd, data, sizeof data, 0) < 4) continue;
                uint32_t number = sent[fd];
                if (data[1] != 4 || (data[2] << 8 | data[3]) != (int)(number & 0xffff)) continue;
                if (number * BLOCK > size) close(fd);
                else send_block(fd, number + 1);
                continue;
            }
            while (recvfrom(listener, data, sizeof data, 0, (struct sockaddr *)&peer, &peer_size) > 0) {
                int transfer = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
                if (transfer < 0 || bind(transfer, (struct sockaddr *)&own, sizeof own) ||
                    connect(transfer, (struct sockaddr *)&peer, sizeof peer))
                    continue;
                event.data.fd = transfer;
                epoll_ctl(epoll_fd, EPOLL_CTL_ADD, transfer, &event);
                send_block(transfer, 1);
            }
        }
    }
}
