/*
 * A client of weir's binary door in one file of C11 and POSIX: docs/binary.md, worked.
 *
 * Sends payments that it makes up, many of them in flight at a time, matches the answers by their ids, and checks that each
 * came once and says in its header what its line says. Prints how many were let through, stepped up and blocked, and the
 * slowest. Ends with 1 where anything is not as it should be, and with 2 where it is called wrongly.
 *
 *     cc -std=c11 -Wall -Wextra -O1 -o decide decide.c
 *     ./decide unix:/run/weir/frames.sock 10000
 *     WEIR_TOKEN=... ./decide 127.0.0.1:8422 10000
 */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { VERSION = 1, HEADER_BYTES = 24, LENGTH_BYTES = 4, TOKEN_BYTES_MAX = 256 };
enum { DECIDE = 0x01, WELCOME = 0x80, DECISION = 0x81, PROBLEM = 0x83 };
enum { BRIEF = 0x01 };                            /* of a request */
enum { DURABLE = 0x01, DECLARED = 0x02 };         /* of an answer */
enum { TIMEOUT_US = 2000000, IN_FLIGHT_MAX = 256, PAYLOAD_BYTES_MAX = 512, ANSWER_BYTES_MAX = 1 << 20 };

static const char *const OUTCOMES[] = {"", "allow", "step_up", "block"};

/* What stands before a payload. The bytes are put together by hand, so that it is right on any machine. */
struct header {
    uint8_t type, flags, outcome, cause;
    uint32_t timeout_or_status, retry_after_ms;
    uint64_t id;
};

/* A payment that was sent. */
struct sent {
    uint64_t at_ns, took_ns;
    bool answered;
};

/* Bytes that are to go, or that came. */
struct buffer {
    uint8_t *bytes;
    size_t start, end, room;
};

static void fail(const char *format, ...) {
    va_list rest;
    va_start(rest, format);
    fputs("decide: ", stderr);
    vfprintf(stderr, format, rest);
    fputc('\n', stderr);
    va_end(rest);
    exit(1);
}

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    if (clock_gettime(clock, &now) != 0) fail("no clock: %s", strerror(errno));
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Room for so many bytes behind the end. */
static uint8_t *room_for(struct buffer *buffer, size_t bytes) {
    if (buffer->start > 0) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer->end - buffer->start);
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    if (buffer->end + bytes > buffer->room) {
        buffer->room = 2 * (buffer->end + bytes);
        buffer->bytes = realloc(buffer->bytes, buffer->room);
        if (buffer->bytes == NULL) fail("no memory");
    }
    return buffer->bytes + buffer->end;
}

static void put(struct buffer *out, uint64_t number, size_t bytes) {
    uint8_t *to = room_for(out, bytes);
    for (size_t at = 0; at < bytes; at++) to[at] = (uint8_t)(number >> (8 * at));
    out->end += bytes;
}

static void put_bytes(struct buffer *out, const void *bytes, size_t many) {
    memcpy(room_for(out, many), bytes, many);
    out->end += many;
}

static uint64_t get(const uint8_t *from, size_t bytes) {
    uint64_t number = 0;
    for (size_t at = bytes; at > 0; at--) number = number << 8 | from[at - 1];
    return number;
}

static void put_frame(struct buffer *out, struct header header, const char *payload, size_t bytes) {
    put(out, HEADER_BYTES - LENGTH_BYTES + bytes, 4);
    put(out, header.type, 1);
    put(out, header.flags, 1);
    put(out, header.outcome, 1);
    put(out, header.cause, 1);
    put(out, header.timeout_or_status, 4);
    put(out, header.retry_after_ms, 4);
    put(out, header.id, 8);
    put_bytes(out, payload, bytes);
}

/* The frame that came, if it is whole: its header, and its payload with the bytes of that. It is done with at the next call. */
static bool get_frame(struct buffer *in, struct header *header, const uint8_t **payload, size_t *bytes) {
    const uint8_t *from = in->bytes + in->start;
    size_t held = in->end - in->start;
    if (held < HEADER_BYTES) return false;
    uint64_t follow = get(from, 4);
    if (follow < HEADER_BYTES - LENGTH_BYTES || follow > ANSWER_BYTES_MAX) fail("a frame of %" PRIu64 " bytes", follow);
    if (held < LENGTH_BYTES + follow) return false;
    *header = (struct header){
        .type = from[4],
        .flags = from[5],
        .outcome = from[6],
        .cause = from[7],
        .timeout_or_status = (uint32_t)get(from + 8, 4),
        .retry_after_ms = (uint32_t)get(from + 12, 4),
        .id = get(from + 16, 8),
    };
    *payload = from + HEADER_BYTES;
    *bytes = (size_t)follow + LENGTH_BYTES - HEADER_BYTES;
    in->start += LENGTH_BYTES + (size_t)follow;
    return true;
}

static int connect_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) fail("the path is too long for a socket");
    memcpy(address.sun_path, path, strlen(path));
    int door = socket(AF_UNIX, SOCK_STREAM, 0);
    if (door < 0 || connect(door, (struct sockaddr *)&address, sizeof address) != 0) {
        fail("can't connect to %s: %s", path, strerror(errno));
    }
    return door;
}

static int connect_tcp(const char *target) {
    char host[256];
    const char *port = strrchr(target, ':');
    if (port == NULL || (size_t)(port - target) >= sizeof host) fail("%s is no HOST:PORT", target);
    memcpy(host, target, (size_t)(port - target));
    host[port - target] = '\0';
    struct addrinfo wanted = {.ai_socktype = SOCK_STREAM}, *found;
    int problem = getaddrinfo(host, port + 1, &wanted, &found);
    if (problem != 0) fail("%s: %s", target, gai_strerror(problem));
    int door = -1;
    for (struct addrinfo *next = found; next != NULL && door < 0; next = next->ai_next) {
        door = socket(next->ai_family, next->ai_socktype, next->ai_protocol);
        if (door >= 0 && connect(door, next->ai_addr, next->ai_addrlen) != 0) {
            close(door);
            door = -1;
        }
    }
    freeaddrinfo(found);
    if (door < 0) fail("can't connect to %s", target);
    /* Small frames must not wait for more to send. */
    int on = 1;
    if (setsockopt(door, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0) fail("TCP_NODELAY: %s", strerror(errno));
    return door;
}

/* Writes what waits and reads what came, whichever is possible first: who only writes may wait for one who does too. */
static void exchange(int door, struct buffer *out, struct buffer *in) {
    bool writes = out->end > out->start;
    struct pollfd ready = {.fd = door, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
    int some = poll(&ready, 1, 2 * TIMEOUT_US / 1000);
    if (some < 0 && errno != EINTR) fail("poll: %s", strerror(errno));
    if (some == 0) fail("nothing came in time");
    if (writes && ready.revents & POLLOUT) {
        ssize_t gone = write(door, out->bytes + out->start, out->end - out->start);
        if (gone < 0 && errno != EAGAIN && errno != EINTR) fail("can't write: %s", strerror(errno));
        if (gone > 0) out->start += (size_t)gone;
    }
    if (ready.revents & (POLLIN | POLLHUP | POLLERR)) {
        uint8_t *to = room_for(in, 65536);
        ssize_t came = read(door, to, 65536);
        if (came == 0) fail("the server closed the connection");
        if (came < 0 && errno != EAGAIN && errno != EINTR) fail("can't read: %s", strerror(errno));
        if (came > 0) in->end += (size_t)came;
    }
}

/* Says hello; gives how many requests may be in flight. */
static uint64_t begin(int door, struct buffer *out, struct buffer *in) {
    const char *token = getenv("WEIR_TOKEN");
    size_t token_bytes = token == NULL ? 0 : strlen(token);
    if (token_bytes > TOKEN_BYTES_MAX) fail("WEIR_TOKEN is too long");
    put_bytes(out, "WEIR", 4);
    put(out, VERSION, 2);
    put(out, token_bytes, 2);
    if (token_bytes > 0) put_bytes(out, token, token_bytes);
    struct header header;
    const uint8_t *payload;
    size_t bytes;
    while (!get_frame(in, &header, &payload, &bytes)) exchange(door, out, in);
    if (header.type == PROBLEM) fail("refused with %" PRIu32 ": %.*s", header.timeout_or_status, (int)bytes, (const char *)payload);
    if (header.type != WELCOME || bytes < 12 || get(payload, 2) != VERSION) fail("it is no binary door");
    return get(payload + 8, 4);
}

/* Whether a text that ends with its last byte is somewhere in a line. */
static bool has(const uint8_t *line, size_t bytes, const char *text) {
    size_t long_as = strlen(text);
    for (size_t at = 0; at + long_as <= bytes; at++) {
        if (memcmp(line + at, text, long_as) == 0) return true;
    }
    return false;
}

int main(int arguments, char **argument) {
    if (arguments < 2 || arguments > 3) {
        fputs("usage: decide unix:PATH|HOST:PORT [PAYMENTS]\n", stderr);
        return 2;
    }
    uint64_t payments = arguments > 2 ? strtoull(argument[2], NULL, 10) : 1000;
    if (payments == 0) fail("%s is no number of payments", argument[2]);
    signal(SIGPIPE, SIG_IGN);
    int door = strncmp(argument[1], "unix:", 5) == 0 ? connect_unix(argument[1] + 5) : connect_tcp(argument[1]);
    if (fcntl(door, F_SETFL, O_NONBLOCK) != 0) fail("fcntl: %s", strerror(errno));
    struct buffer out = {0}, in = {0};
    uint64_t in_flight_max = begin(door, &out, &in);
    if (in_flight_max > IN_FLIGHT_MAX) in_flight_max = IN_FLIGHT_MAX;

    struct sent *sent = calloc(payments, sizeof *sent);
    if (sent == NULL) fail("no memory");
    /* An id of its own for each payment, also of the next run. */
    uint64_t run_us = clock_ns(CLOCK_REALTIME) / 1000, began_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t asked = 0, answered = 0, slowest = 0, counts[4] = {0}, not_durable = 0, declared = 0, problems = 0;
    while (answered < payments) {
        for (; asked < payments && asked - answered < in_flight_max; asked++) {
            char payload[PAYLOAD_BYTES_MAX];
            int bytes = snprintf(payload, sizeof payload,
                                 "{\"id\":\"c-%" PRIu64 "-%" PRIu64 "\",\"time_us\":%" PRIu64 ",\"amount_minor\":%" PRIu64
                                 ",\"currency\":\"VND\",\"account\":\"a%" PRIu64 "\"}",
                                 run_us, asked, run_us + asked, 1000 + asked * 7919 % 2000000, asked % 97);
            /* Every other one without its line: the header says all that decides. */
            struct header header = {
                .type = DECIDE, .flags = asked % 2 ? BRIEF : 0, .timeout_or_status = TIMEOUT_US, .id = asked + 1};
            put_frame(&out, header, payload, (size_t)bytes);
            sent[asked].at_ns = clock_ns(CLOCK_MONOTONIC);
        }
        exchange(door, &out, &in);
        struct header header;
        const uint8_t *payload;
        size_t bytes;
        while (get_frame(&in, &header, &payload, &bytes)) {
            /* What another version may have to say is passed over. */
            if (header.type != DECISION && header.type != PROBLEM) continue;
            /* Ids begin at 1: what has 0 is of no request, and says why the connection ends. */
            if (header.id == 0) fail("the server ends the connection: %.*s", (int)bytes, (const char *)payload);
            uint64_t number = header.id - 1;
            if (number >= asked || sent[number].answered) fail("an answer to %" PRIu64 ", which waits for none", header.id);
            struct sent *one = &sent[number];
            one->answered = true;
            one->took_ns = clock_ns(CLOCK_MONOTONIC) - one->at_ns;
            if (one->took_ns > sent[slowest].took_ns) slowest = number;
            answered++;
            if (header.type == PROBLEM) {
                if (problems++ == 0) fprintf(stderr, "decide: %.*s\n", (int)bytes, (const char *)payload);
                continue;
            }
            if (header.outcome < 1 || header.outcome > 3) fail("outcome %d is none", header.outcome);
            counts[header.outcome]++;
            not_durable += !(header.flags & DURABLE);
            declared += (header.flags & DECLARED) != 0;
            if (number % 2) {
                if (bytes != 0) fail("a line that was not asked for");
                continue;
            }
            char id[64], outcome[64];
            snprintf(id, sizeof id, "\"id\":\"c-%" PRIu64 "-%" PRIu64 "\"", run_us, number);
            snprintf(outcome, sizeof outcome, "\"outcome\":\"%s\"", OUTCOMES[header.outcome]);
            if (!has(payload, bytes, id) || !has(payload, bytes, outcome)) {
                fail("the line is not that of %s with %s: %.*s", id, outcome, (int)bytes, (const char *)payload);
            }
        }
    }
    double seconds = (double)(clock_ns(CLOCK_MONOTONIC) - began_ns) / 1e9;
    for (int outcome = 1; outcome <= 3; outcome++) printf("%-12s %10" PRIu64 "\n", OUTCOMES[outcome], counts[outcome]);
    printf("%-12s %10" PRIu64 "\n%-12s %10" PRIu64 "\n%-12s %10" PRIu64 "\n", "declared", declared, "not durable", not_durable,
           "problems", problems);
    printf("%" PRIu64 " payments in %.3f s, %.0f a second; the slowest was c-%" PRIu64 "-%" PRIu64 " with %.3f ms\n", payments,
           seconds, (double)payments / seconds, run_us, slowest, (double)sent[slowest].took_ns / 1e6);
    close(door);
    free(sent);
    free(out.bytes);
    free(in.bytes);
    return problems == 0 ? 0 : 1;
}
