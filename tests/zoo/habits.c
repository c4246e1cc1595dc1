/* habits MODE NAME: more healthy programs on the exercise's struct, each with a habit of its own. */
#include "ring.h"
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/timerfd.h>

/* What several processes of one mode share beside the ring. */
static _Atomic int *notes;
static void make_notes(void) { notes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0); }

/* Who does not get the lock soon gives its permit back, and tries again. */
static int soon_taken(sem_t *s, long ms) { struct timespec t = soon(ms); return !sem_timedwait(s, &t); }
static void put_or_back_off(int number) {
    for (join();; nap(produce_ms)) {
        take(&b->empty);
        if (!soon_taken(&b->mutex, 3)) { give(&b->empty); continue; }
        come_in(); insert(make(number)); nap(2); unlock(); give(&b->full);
    }
}
static void get_slowly(int number) { for (join();; nap(consume_ms)) { take(&b->full); lock(); got(extract()); nap(5); unlock(); give(&b->empty); } }
static void backs_off(void) { hire(put_or_back_off, 2, get_slowly, 1); }

/* The loop of the textbooks around sem_timedwait, which ends only with an item; on the other clock, too. */
static void get_timed(int number) { for (join();; nap(consume_ms)) { take_in(&b->full, 50); take_in(&b->mutex, 50); come_in(); got(extract()); unlock(); give(&b->empty); } }
static void timed_loops(void) { produce_ms = 700; hire(produce, 1, get_timed, 3); }
static int clocked(sem_t *s) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += 1;
    return !sem_clockwait(s, CLOCK_MONOTONIC, &t);
}
static void get_clocked(int number) { for (join();; nap(consume_ms)) { while (!clocked(&b->full)); while (!clocked(&b->mutex)); come_in(); got(extract()); unlock(); give(&b->empty); } }
static void clock_loops(void) { produce_ms = 1500; hire(produce, 1, get_clocked, 2); }

/* full is an event: it is posted where it is 0, and who wakes takes all there is. empty counts still. */
static void put_and_ring(int number) {
    for (join();; nap(produce_ms)) {
        take(&b->empty); lock();
        insert(make(number)); notes[0]++;
        int value; sem_getvalue(&b->full, &value);
        if (!value) give(&b->full);
        unlock();
    }
}
static void get_all(int number) {
    for (join();; nap(consume_ms)) {
        take(&b->full); lock();
        while (notes[0]) { notes[0]--; got(extract()); give(&b->empty); }
        unlock();
    }
}
static void event_full(void) { make_notes(); produce_ms = 100; consume_ms = 700; hire(put_and_ring, 1, get_all, 1); }

/* The consumer is told by an eventfd, and sleeps in poll; its semaphores it only tries. */
static int bell;
static void put_and_tell(int number) { for (join();; nap(produce_ms)) { put(number); eventfd_write(bell, 1); } }
static void get_told(int number) {
    for (join();;) {
        struct pollfd p[2] = {{bell, POLLIN, 0}, {starting_gun[0], POLLIN, 0}};
        poll(p, 2, -1);
        if (p[1].revents) nap(1);
        while (!sem_trywait(&b->full)) { take(&b->mutex); come_in(); got(extract()); unlock(); give(&b->empty); }
        eventfd_t n; if (p[0].revents) eventfd_read(bell, &n);
    }
}
static void by_eventfd(void) { bell = eventfd(0, EFD_NONBLOCK); produce_ms = 3000; hire(put_and_tell, 1, get_told, 1); }

/* A timer tells when the producer works; it sleeps in read. */
static void put_by_timer(int number) {
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    struct itimerspec each = {{0, 400000000}, {0, 400000000}};
    timerfd_settime(fd, 0, &each, NULL);
    uint64_t n;
    for (join(); read(fd, &n, sizeof n) > 0;) put(number);
}
static void by_timerfd(void) { hire(put_by_timer, 1, consume, 1); }

/* A worker is killed and replaced all the time, but only while it waits for an item: it leaves its count. */
static void get_as_told(int number) {
    for (join();;) { take(&b->full); notes[1] = 1; lock(); got(extract()); unlock(); give(&b->empty); notes[1] = 0; }
}
static void replace_workers(int number) {
    for (;;) {
        pid_t child = spawn("consumer", get_as_told, 0);
        nap(600);
        if (hurried()) { waitpid(child, NULL, 0); return; }
        /* It is let die only where the producer rests and nothing is there to take. */
        notes[2] = 1;
        int value = 1;
        Buffer *seen = opened(name, sizeof *seen, PROT_READ | PROT_WRITE);
        while (value || notes[1] || notes[3]) { usleep(2000); sem_getvalue(&seen->full, &value); }
        kill(child, SIGKILL); waitpid(child, NULL, 0);
        /* Its wait is counted still; who comes takes no harm. */
        munmap(seen, sizeof *seen);
        notes[2] = 0;
    }
}
static void put_if_let(int number) { for (join();; nap(produce_ms)) { notes[3] = 1; if (!notes[2]) put(number); notes[3] = 0; } }
static void killed_outside(void) { make_notes(); spawn("producer", put_if_let, 0); spawn("manager", replace_workers, 0); }

/* A worker dies inside now and then, before it has touched anything, and its supervisor posts in its place:
   after 4 s, by its own mapping, or after it has opened the segment again. */
static long mend_ms = 4000;
static void die_at_once(int number) { nap(800); join(); take(&b->empty); take(&b->mutex); raise(SIGKILL); }
static void mend(void) { give(&b->mutex); give(&b->empty); }
static void supervise_mapped(int number) {
    for (join();;) { pid_t child = spawn("", die_at_once, 0); while (waitpid(child, NULL, 0) < 0); nap(mend_ms); mend(); if (hurried()) for (;;) pause(); }
}
static void supervise_unmapped(int number) {
    for (;;) { pid_t child = spawn("", die_at_once, 0); while (waitpid(child, NULL, 0) < 0); nap(mend_ms); join(); mend(); leave(); if (hurried()) for (;;) pause(); }
}
static void supervised_mapped(void) { hire(produce, 1, consume, 1); spawn("supervisor", supervise_mapped, 0); }
static void supervised_unmapped(void) { hire(produce, 1, consume, 1); spawn("supervisor", supervise_unmapped, 0); }

/* The lock is left to a child that was forked inside, which execs nothing and maps nothing for a while. */
static void fork_for_slow_work(int number) {
    for (join();; nap(produce_ms)) {
        take(&b->empty); lock();
        if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL); nap(1500); insert(make(number)); unlock(); give(&b->full); _exit(0); }
        while (wait(NULL) < 0);
    }
}
static void child_inside(void) { spawn("producer", fork_for_slow_work, 0); spawn("consumer", consume, 0); }

/* A thread holds the lock for long while others of its process wait for permits; two mappings of one segment. */
static Buffer *second;
static void *put_inside_slowly(void *number) { for (;; nap(produce_ms)) { take(&second->empty); lock(); nap(2500); insert(make((int)(long)number)); unlock(); give(&second->full); } }
static void two_maps(int number) {
    join();
    second = opened(name, sizeof *second, PROT_READ | PROT_WRITE);
    pthread_t t;
    pthread_create(&t, NULL, put_inside_slowly, (void *)0L);
    for (;; nap(consume_ms)) get();
}
static void mapped_twice(void) { spawn("both", two_maps, 0); }

/* The holder waits for a file's lock, for a pipe that is full, for a child's exit, for a futex of its own. */
static int paper, hose[2];
static void put_under_file_lock(int number) { for (join();; nap(produce_ms)) { take(&b->empty); lock(); flock(paper, LOCK_EX); insert(make(number)); flock(paper, LOCK_UN); unlock(); give(&b->full); } }
static void keep_file(int number) { char path[40]; sprintf(path, "/proc/self/fd/%d", paper); int mine = open(path, O_RDWR); for (;; nap(100)) { flock(mine, LOCK_EX); nap(3500); flock(mine, LOCK_UN); } }
static void file_lock_inside(void) { paper = memfd_create("paper", 0); spawn("keeper", keep_file, 0); hire(put_under_file_lock, 1, consume, 1); }
static void put_into_pipe(int number) {
    char page[4096] = {0};
    for (join();; nap(produce_ms)) { take(&b->empty); lock(); for (int i = 0; i < 20; i++) if (write(hose[1], page, sizeof page) < 0) damage("pipe"); insert(make(number)); unlock(); give(&b->full); }
}
static void drain(int number) { char page[4096]; for (;; nap(200)) if (read(hose[0], page, sizeof page) < 0) damage("pipe"); }
static void pipe_inside(void) { if (pipe(hose)) damage("pipe"); spawn("drain", drain, 0); hire(put_into_pipe, 1, consume, 1); }

/* An item is claimed under the lock, worked on outside, and settled under it again: two turns for an item. */
static void get_in_two_turns(int number) { for (join();; nap(consume_ms)) { take(&b->full); lock(); int item = b->data[b->out]; unlock(); nap(1200); lock(); got(item); b->out = (b->out + 1) % N; unlock(); give(&b->empty); } }
static void two_turns(void) { hire(produce, 1, get_in_two_turns, 1); }

/* Who finds an item that is not for it puts the permit back, and lets another have it. */
static void get_own(int number) {
    for (join();; nap(10)) {
        take(&b->full); lock();
        if (b->data[b->out] % 2 != number) { unlock(); give(&b->full); nap(30); continue; }
        got(extract()); unlock(); give(&b->empty);
    }
}
static void picky(void) { produce_ms = 200; hire(produce, 1, get_own, 2); }

/* A consumer that runs only when nothing else does, and one that is stopped and continued by its manager. */
static void consume_idly(int number) { struct sched_param p = {0}; sched_setscheduler(0, SCHED_IDLE, &p); consume(number); }
static void idle_class(void) { hire(produce, 2, consume_idly, 1); }
static void manage(int number) {
    pid_t child = spawn("consumer", consume, 0);
    for (; !hurried(); nap(900)) { kill(child, SIGSTOP); nap(900); kill(child, SIGCONT); }
    kill(child, SIGCONT);
    for (;;) pause();
}
static void governed(void) { produce_ms = 100; spawn("producer", produce, 0); spawn("governor", manage, 0); }

/* Items are moved by a handler of a timer's signal, while the thread itself sleeps in pause or sigsuspend. */
static void on_alarm(int number) { if (!sem_trywait(&b->full)) { if (sem_trywait(&b->mutex)) { sem_post(&b->full); return; } come_in(); got(extract()); unlock(); give(&b->empty); } }
static void consume_in_handler(int number) {
    join();
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
    struct itimerval each = {{0, 150000}, {0, 150000}};
    setitimer(ITIMER_REAL, &each, NULL);
    for (;;) pause();
}
static void in_handler(void) { produce_ms = 200; hire(produce, 1, consume_in_handler, 1); }

/* Not dumpable, as who handles secrets: its own user may not read what it waits on. */
static void produce_secretly(int number) { prctl(PR_SET_DUMPABLE, 0); produce(number); }
static void consume_secretly(int number) { prctl(PR_SET_DUMPABLE, 0); consume(number); }
static void put_secretly_inside(int number) { prctl(PR_SET_DUMPABLE, 0); for (join();; nap(produce_ms)) { take(&b->empty); lock(); nap(3500); insert(make(number)); unlock(); give(&b->full); } }
static void undumpable(void) { hire(produce_secretly, 1, consume, 1); }
static void undumpable_both(void) { produce_ms = 1500; hire(produce_secretly, 1, consume_secretly, 1); }
static void undumpable_inside(void) { hire(put_secretly_inside, 1, consume, 1); }

/* A private copy of the ring is kept for looking back, beside the shared one. */
static void consume_beside_copy(int number) {
    opened(name, sizeof(Buffer), PROT_READ);
    int fd = shm_open(name, O_RDWR, 0600);
    if (mmap(NULL, sizeof(Buffer), PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED) damage("mmap");
    consume(number);
}
static void copy_beside(void) { hire(produce, 1, consume_beside_copy, 1); }

/* Paused by a person: it waits with everything in hand until someone says go, by a pipe, by a message. */
static void put_on_go(int number) { for (join();; nap(produce_ms)) { take(&b->empty); take(&b->empty); lock(); insert(make(number)); insert(make(number)); unlock(); rest(); give(&b->full); give(&b->full); } }
static void rests_with_two(void) { hire(put_on_go, 1, consume, 2); }

/* The lock is taken before the permit, but only where the permit is sure to be there. */
static void put_if_room(int number) { for (join();; nap(produce_ms)) { lock(); if (!sem_trywait(&b->empty)) { insert(make(number)); give(&b->full); } unlock(); } }
static void get_if_any(int number) { for (join();; nap(consume_ms)) { lock(); if (!sem_trywait(&b->full)) { got(extract()); give(&b->empty); } unlock(); } }
static void lock_then_try(void) { hire(put_if_room, 1, get_if_any, 1); }
static void lock_then_try_full(void) { consume_ms = 100000; hire(put_if_room, 1, get_if_any, 1); }

/* A lull: nothing for 3 s, then all at once. And a single item each 2 s, by two who alternate. */
static void put_in_bursts(int number) { for (join();; nap(3000)) for (int i = 0; i < 7; i++) put(number); }
static void lulls(void) { hire(put_in_bursts, 2, consume, 2); }

/* Threads are cancelled in sem_wait and begun anew. */
static void *get_until_cancelled(void *number) {
    for (;;) { take(&b->full); pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL); lock(); got(extract()); unlock(); give(&b->empty); pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL); }
}
static void consume_by_turns(int number) { for (join();;) { pthread_t t; pthread_create(&t, NULL, get_until_cancelled, NULL); nap(300); pthread_cancel(t); pthread_join(t, NULL); } }
static void cancelled(void) { produce_ms = 500; hire(produce, 1, consume_by_turns, 1); }

/* One process is the producer now and the consumer then. */
static void switch_sides(int number) { for (join();;) { for (int i = 0; i < 3; i++) { put(number); nap(150); } for (int i = 0; i < 3; i++) { get(); nap(150); } } }
static void one_switches(void) { spawn("both", switch_sides, 0); }

/* The permits of a slot are kept while its reader looks at it for long. */
static void get_and_look(int number) { for (join();;) { take(&b->full); lock(); int item = extract(); unlock(); got(item); nap(4000); give(&b->empty); } }
static void long_readers(void) { produce_ms = 10; hire(produce, 1, get_and_look, 1); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(backs_off), MODE(timed_loops), MODE(clock_loops), MODE(event_full), MODE(by_eventfd), MODE(by_timerfd),
    MODE(killed_outside), MODE(supervised_mapped), MODE(supervised_unmapped), MODE(child_inside), MODE(mapped_twice),
    MODE(file_lock_inside), MODE(pipe_inside), MODE(two_turns), MODE(picky), MODE(idle_class), MODE(governed),
    MODE(in_handler), MODE(undumpable), MODE(undumpable_both), MODE(undumpable_inside), MODE(copy_beside),
    MODE(rests_with_two), MODE(lock_then_try), MODE(lock_then_try_full), MODE(lulls), MODE(cancelled),
    MODE(one_switches), MODE(long_readers),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
