/*
 * What the wrappers start here in place of a server: small, static, and its first act is to look at the clock.
 *
 *   server stamp FIFO              says when it was started, and ends
 *   server signals FIFO            says when it was started, then when each SIGTERM reached it
 *   server orphans FIFO WAVES SIZE on a byte from standard input: leaves SIZE orphans to whoever reaps, lets them
 *                                  end all at once, and waits until none is left; WAVES times. Says how long that took
 *   server idle FIFO               says when it was started
 *   server lines FIFO BYTES        on a byte from standard input: writes so many bytes of log lines
 *
 * It says everything as nanoseconds, in eight bytes. All but `stamp` stay until standard input ends, or a signal does it.
 * Further arguments are for the wrappers to see. A failure of its own ends it with 1.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int fifo;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void need(int condition) {
    if (!condition)
        _exit(1);
}

static void say(uint64_t nanoseconds) {
    need(write(fifo, &nanoseconds, sizeof nanoseconds) == sizeof nanoseconds);
}

static void on_signal(int signal) {
    (void)signal;
    say(now());
}

/* Waits for a byte, or with 0 for the end. */
static void await_stdin(ssize_t wanted) {
    char byte;
    ssize_t count;
    do
        count = read(STDIN_FILENO, &byte, 1);
    while (count > wanted);
    need(count == wanted);
}

static uint64_t wave(pid_t *orphans, int size) {
    int hold[2];
    need(pipe(hold) == 0);
    pid_t mother = fork();
    need(mother >= 0);
    if (mother == 0) {
        for (int i = 0; i < size; i++) {
            pid_t orphan = fork();
            need(orphan >= 0);
            if (orphan == 0) {
                char byte;
                close(hold[1]);
                _exit(read(hold[0], &byte, 1) != 0);
            }
            orphans[i] = orphan;
        }
        _exit(0);
    }
    int status;
    need(waitpid(mother, &status, 0) == mother && status == 0);
    close(hold[0]);
    uint64_t begin = now();
    close(hold[1]);
    /* A process that has ended exists until it is reaped. */
    for (int i = 0; i < size; i++)
        while (kill(orphans[i], 0) == 0)
            nanosleep(&(struct timespec){.tv_nsec = 100 * 1000}, NULL);
    return now() - begin;
}

static void leave_orphans(int waves, int size) {
    pid_t *orphans = mmap(NULL, (size_t)size * sizeof *orphans, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    need(orphans != MAP_FAILED);
    uint64_t took = 0;
    for (int i = 0; i < waves; i++)
        took += wave(orphans, size);
    say(took);
}

static void write_lines(long long bytes) {
    static const char ready[] = "Hytale Server Booted! [Multiplayer] took 4sec 832ms\n";
    static const char line[] = "[2026/11/23 07:00:00   INFO]  [World|default] Saved 1024 chunks of 4096 in 183ms, 12 players, 640 entities\n";
    static char block[8192]; /* what a JVM's PrintStream hands over at most */
    for (size_t at = 0; at < sizeof block; at++)
        block[at] = line[at % (sizeof line - 1)];
    memcpy(block, ready, sizeof ready - 1);
    while (bytes > 0) {
        size_t size = bytes < (long long)sizeof block ? (size_t)bytes : sizeof block;
        ssize_t count = write(STDOUT_FILENO, block, size);
        need(count > 0);
        bytes -= count;
        memcpy(block, line, sizeof ready - 1);
    }
}

int main(int argc, char **argv) {
    uint64_t started = now();
    need(argc >= 3);
    const char *mode = argv[1];
    fifo = open(argv[2], O_WRONLY | O_CLOEXEC);
    need(fifo >= 0);
    if (strcmp(mode, "signals") == 0)
        need(sigaction(SIGTERM, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_RESTART}, NULL) == 0);
    say(started);
    if (strcmp(mode, "stamp") == 0)
        return 0;
    if (strcmp(mode, "orphans") == 0) {
        need(argc >= 5);
        await_stdin(1);
        leave_orphans(atoi(argv[3]), atoi(argv[4]));
    } else if (strcmp(mode, "lines") == 0) {
        need(argc >= 4);
        await_stdin(1);
        write_lines(atoll(argv[3]));
    }
    await_stdin(0);
    return 0;
}
