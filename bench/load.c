/* A load generator for TFTP servers: N sessions at a time, each from a source address of its own, over epoll.
 *
 * It does as little as a client can: it counts blocks and octets, acknowledges, and repeats what went unanswered for
 * a second (counted). So what it measures is the server, as long as it has a processor of its own.
 *
 *   load HOST PORT NAME SESSIONS TRANSFERS BLKSIZE WINDOWSIZE SIZE
 *
 * BLKSIZE 512 and WINDOWSIZE 1 ask without options. SIZE is what a whole file has; another one is a failed transfer.
 * Prints one line: seconds blocks octets transfers failed repeats refused-options.
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
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, LARGEST = 65536, TRIES = 8 };
static const double REPEAT_AFTER_S = 1.0;
static const double SPIN_S = 200e-6; /* its own waking up must not be what is measured */

struct session {
    int fd, tries, block_size, window_size, in_window, has_oack, told_gap;
    uint16_t last;
    uint64_t octets, blocks;
    double heard_at;
    struct sockaddr_in peer;
    unsigned char out[512];
    int out_len;
};

static struct sockaddr_in server;
static const char *name;
static int block_size, window_size, epoll_fd;
static uint64_t wanted, begun, done, failed, repeats, blocks, octets, lockstepped, transfers;
static unsigned char buffers[BATCH][LARGEST];

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void say(struct session *s) {
    if (sendto(s->fd, s->out, s->out_len, 0, (struct sockaddr *)&s->peer, sizeof s->peer) < 0 && errno != EAGAIN &&
        errno != ECONNREFUSED && errno != ENOBUFS)
        die("sendto");
}

static void acknowledge(struct session *s, uint16_t number) {
    s->out[0] = 0, s->out[1] = 4, s->out[2] = number >> 8, s->out[3] = number & 255;
    s->out_len = 4;
    s->in_window = 0;
    say(s);
}

static void begin(struct session *s, int slot, double now) {
    memset(s, 0, sizeof *s);
    struct sockaddr_in from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(0x7f010001u + ((slot / 250) << 8) + slot % 250);
    if ((s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)) < 0) die("socket");
    int room = 1 << 20;
    setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    if (bind(s->fd, (struct sockaddr *)&from, sizeof from)) die("bind");
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = slot};
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, s->fd, &event)) die("epoll_ctl");
    s->peer = server;
    s->block_size = 512, s->window_size = 1;
    s->heard_at = now;
    int n = 2;
    s->out[1] = 1;
    n += sprintf((char *)s->out + n, "%s", name) + 1;
    n += sprintf((char *)s->out + n, "octet") + 1;
    if (block_size != 512 || window_size != 1) {
        n += sprintf((char *)s->out + n, "blksize") + 1;
        n += sprintf((char *)s->out + n, "%d", block_size) + 1;
        n += sprintf((char *)s->out + n, "windowsize") + 1;
        n += sprintf((char *)s->out + n, "%d", window_size) + 1;
    }
    s->out_len = n;
    begun++;
    say(s);
}

static void end(struct session *s, int slot, int is_good, double now) {
    blocks += s->blocks, octets += s->octets, done++;
    if (!is_good) failed++;
    close(s->fd);
    s->fd = -1;
    if (begun < transfers) begin(s, slot, now);
}

static void take_options(struct session *s, unsigned char *data, int len) {
    for (int at = 2; at < len;) {
        char *key = (char *)data + at;
        at += strlen(key) + 1;
        if (at >= len) break;
        int value = atoi((char *)data + at);
        if (!strcasecmp(key, "blksize")) s->block_size = value;
        if (!strcasecmp(key, "windowsize")) s->window_size = value;
        at += strlen((char *)data + at) + 1;
    }
    s->has_oack = 1;
    if (s->window_size != window_size) lockstepped++;
}

/* Return 1 when the transfer is over. */
static int take(struct session *s, int slot, unsigned char *data, int len, struct sockaddr_in *from, double now) {
    if (len < 4) return 0;
    if (s->peer.sin_port == server.sin_port) s->peer = *from;
    s->heard_at = now, s->tries = 0;
    if (data[1] == 5) return end(s, slot, 0, now), 1;
    if (data[1] == 6) {
        data[len < LARGEST ? len : LARGEST - 1] = 0;
        if (!s->has_oack) take_options(s, data, len);
        if (!s->blocks) acknowledge(s, 0);
        return 0;
    }
    if (data[1] != 3) return 0;
    uint16_t number = data[2] << 8 | data[3];
    if (number != (uint16_t)(s->last + 1)) {
        if (number != s->last && !s->told_gap && s->window_size > 1) s->told_gap = 1, repeats++, acknowledge(s, s->last);
        return 0;
    }
    s->last = number, s->told_gap = 0;
    s->blocks++, s->octets += len - 4;
    if (len - 4 < s->block_size) return acknowledge(s, number), end(s, slot, s->octets == wanted, now), 1;
    if (++s->in_window >= s->window_size) acknowledge(s, number);
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 9) return fprintf(stderr, "see the head of load.c\n"), 2;
    server.sin_family = AF_INET;
    server.sin_port = htons(atoi(argv[2]));
    if (!inet_aton(argv[1], &server.sin_addr)) return fprintf(stderr, "HOST is an IPv4 address\n"), 2;
    name = argv[3];
    int count = atoi(argv[4]);
    transfers = strtoull(argv[5], 0, 10);
    block_size = atoi(argv[6]), window_size = atoi(argv[7]);
    wanted = strtoull(argv[8], 0, 10);
    if ((uint64_t)count > transfers) count = transfers;
    struct rlimit many;
    getrlimit(RLIMIT_NOFILE, &many);
    many.rlim_cur = many.rlim_max;
    setrlimit(RLIMIT_NOFILE, &many);
    epoll_fd = epoll_create1(0);
    struct session *all = calloc(count, sizeof *all);
    struct epoll_event events[256];
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in senders[BATCH];
    double begun_at = now_s(), checked_at = begun_at;
    for (int slot = 0; slot < count; slot++) begin(&all[slot], slot, begun_at);
    while (done < transfers) {
        int ready = 0;
        for (double until = now_s() + SPIN_S; ready == 0 && now_s() < until;) ready = epoll_wait(epoll_fd, events, 256, 0);
        if (ready == 0) ready = epoll_wait(epoll_fd, events, 256, 100);
        double now = now_s();
        for (int i = 0; i < ready; i++) {
            int slot = events[i].data.u32, batch = window_size > 1 ? BATCH : 1, got;
            struct session *s = &all[slot];
            if (batch == 1) {
                socklen_t size = sizeof senders[0];
                got = recvfrom(s->fd, buffers[0], LARGEST, 0, (struct sockaddr *)senders, &size);
                if (got >= 0) take(s, slot, buffers[0], got, &senders[0], now);
                continue;
            }
            for (int k = 0; k < BATCH; k++) {
                parts[k] = (struct iovec){buffers[k], LARGEST};
                messages[k].msg_hdr = (struct msghdr){.msg_name = &senders[k], .msg_namelen = sizeof senders[k],
                                                      .msg_iov = &parts[k], .msg_iovlen = 1};
            }
            got = recvmmsg(s->fd, messages, BATCH, 0, 0);
            for (int k = 0; k < got; k++)
                if (take(s, slot, buffers[k], messages[k].msg_len, &senders[k], now)) break;
        }
        if (now - checked_at < 0.1) continue;
        checked_at = now;
        for (int slot = 0; slot < count; slot++) {
            struct session *s = &all[slot];
            if (s->fd < 0 || now - s->heard_at < REPEAT_AFTER_S * (1 << (s->tries > 2 ? 2 : s->tries))) continue;
            if (++s->tries > TRIES) {
                end(s, slot, 0, now);
                continue;
            }
            repeats++;
            s->heard_at = now;
            say(s);
        }
    }
    printf("%.6f %llu %llu %llu %llu %llu %llu\n", now_s() - begun_at, (unsigned long long)blocks,
           (unsigned long long)octets, (unsigned long long)transfers, (unsigned long long)failed,
           (unsigned long long)repeats, (unsigned long long)lockstepped);
    return 0;
}
