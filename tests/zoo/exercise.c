/* exercise MODE NAME: healthy programs over the exercise's own struct, each with habits of its own. */
#include "ring.h"

static void two_three(void) { hire(produce, 2, consume, 3); }
static void unthrottled(void) { produce_ms = consume_ms = 0; hire(produce, 1, consume, 1); }
static void slow(void) { produce_ms = 20000; consume_ms = 10; hire(produce, 1, consume, 1); }
static void slow_consumer(void) { produce_ms = 10; consume_ms = 20000; hire(produce, 1, consume, 1); }

/* Bursts: the ring is filled at once, then the producer rests. */
static void burst(int number) { join(); for (;;) { for (int i = 0; i < N; i++) put(number); nap(2500); } }
static void bursty(void) { hire(burst, 1, consume, 1); }

/* Threads of one process, and semaphores that are private to it. */
static void start_threads(int each) {
    pthread_t id;
    for (long i = 0; i < each; i++) {
        pthread_create(&id, NULL, thread_produce, (void *)i);
        pthread_create(&id, NULL, thread_consume, NULL);
    }
}
static void threaded(int each) { join(); start_threads(each); for (;;) pause(); }
static void look_on(int number) { opened(name, sizeof *b, PROT_READ); for (;;) nap(100000); }
static void map_and_sleep(int number) { join(); for (;;) nap(100000); }
static void look_closely(int number) {
    volatile Buffer *seen = opened(name, sizeof *b, PROT_READ);
    for (volatile int sum = 0;; nap(7)) sum += seen->in + seen->out;
}
static void threads_private(void) { private_semaphores(); spawn("app", threaded, 1); spawn("monitor", look_on, 0); }
static void threads_private_slow(void) { consume_ms = 1500; threads_private(); }
static void threads_private_helper(void) { private_semaphores(); spawn("app", threaded, 2); spawn("helper", map_and_sleep, 0); }
static void threads_private_empty_helper(void) { produce_ms = 100000; threads_private_helper(); }
static void threads16(void) { spawn("app", threaded, 4); spawn("app", threaded, 4); }
static void monitored(void) { pair(); spawn("monitor", look_on, 0); spawn("monitor", look_closely, 0); }
static void helped(void) { pair(); spawn("helper", map_and_sleep, 0); }

/* The slot is given back, or the item announced, only once the work with it is done. */
static void consume_then_post(int number) {
    for (join();;) {
        take(&b->full); take(&b->mutex);
        got(extract());
        give(&b->mutex);
        nap(3500);
        give(&b->empty);
    }
}
static void produce_then_post(int number) {
    for (join();;) {
        take(&b->empty);
        nap(3500);
        take(&b->mutex); insert(make(number)); give(&b->mutex);
        give(&b->full);
    }
}
static void post_late(void) { hire(produce, 1, consume_then_post, 1); }
static void take_early(void) { hire(produce_then_post, 1, consume, 1); }
static void post_late_two(void) { hire(produce_then_post, 2, consume_then_post, 2); }

/* Several permits before one lock. */
static void produce_three(int number) {
    for (join();;) {
        for (int i = 0; i < 3; i++) take(&b->empty);
        take(&b->mutex);
        for (int i = 0; i < 3; i++) insert(make(number));
        give(&b->mutex);
        for (int i = 0; i < 3; i++) give(&b->full);
    }
}
static void batch_permits(void) { consume_ms = 4000; hire(produce_three, 1, consume, 1); }
/* As many as there are, under one lock. */
static void consume_all(int number) {
    for (join();;) {
        int count = 1;
        take(&b->full);
        while (!sem_trywait(&b->full)) count++;
        take(&b->mutex);
        for (int i = 0; i < count; i++) got(extract());
        give(&b->mutex);
        for (int i = 0; i < count; i++) give(&b->empty);
        nap(800);
    }
}
static void batch_lock(void) { hire(produce, 1, consume_all, 1); }
/* Two permits are fetched ahead, and their items taken one at a time. */
static void consume_ahead(int number) {
    for (join();;) {
        take(&b->full); take(&b->full);
        for (int i = 0; i < 2; i++) {
            take(&b->mutex); got(extract()); give(&b->mutex); give(&b->empty);
            nap(1500);
        }
    }
}
static void ahead(void) { hire(produce, 1, consume_ahead, 1); }

/* The place is reserved under the lock, and filled or read after it. */
static void produce_reserved(int number) {
    for (join();;) {
        take(&b->empty); take(&b->mutex);
        int at = b->in; b->in = (at + 1) % N;
        give(&b->mutex);
        nap(1500);
        b->data[at] = make(number);
        give(&b->full);
    }
}
static void consume_reserved(int number) {
    for (join();;) {
        take(&b->full); take(&b->mutex);
        int at = b->out; b->out = (at + 1) % N;
        give(&b->mutex);
        nap(1100);
        got(b->data[at]);
        give(&b->empty);
    }
}
static void reserved(void) { hire(produce_reserved, 1, consume_reserved, 1); }
static void reserved_full(void) { hire(produce, 1, consume_reserved, 1); }

/* At most N - 1 items: one permit is kept aside for ever. */
static void keep_aside(int number) { join(); take(&b->empty); for (;;) nap(100000); }
static void aside(void) { spawn("limiter", keep_aside, 0); usleep(50000); pair(); }
static void aside_full(void) { consume_ms = 20000; produce_ms = 5; aside(); }
static void aside_gone(void) { take(&b->empty); consume_ms = 20000; produce_ms = 5; pair(); }

/* The end of the stream: one more post of full than there are items, passed on to the next. */
static void produce_stream(int number) {
    join();
    for (int i = 0; i < 12; i++) { put(number); nap(20); }
    give(&b->full);
    rest();
}
static int next_of_stream(void) {
    take(&b->full); take(&b->mutex);
    int ended = tally->taken == tally->all;   /* in == out is a full ring too */
    if (!ended) got(extract());
    give(&b->mutex);
    give(ended ? &b->full : &b->empty);
    return !ended;
}
static void consume_stream(int number) { join(); while (next_of_stream()) nap(20); rest(); }
static void consume_stream_and_exit(int number) { join(); while (next_of_stream()) nap(20); }
static void last_post(void) { tally->all = 12; hire(produce_stream, 1, consume_stream, 2); }
static void last_post_exit(void) { tally->all = 12; hire(produce_stream, 1, consume_stream_and_exit, 2); }
/* All end, and the segment is unlinked. */
static void produce_to_the_end(int number) {
    join();
    for (int i = 0; i < 100; i++) { put(number); nap(20); }
    give(&b->full);
}
static void unlink_at_the_end(int number) { consume_stream_and_exit(number); shm_unlink(name); }
static void ends(void) { tally->all = 100; hire(produce_to_the_end, 1, unlink_at_the_end, 1); }

/* Waits that do not wait for ever. */
static void produce_timed(int number) {
    for (join();; nap(300)) { take_in(&b->empty, 100); take_in(&b->mutex, 50); insert(make(number)); give(&b->mutex); give(&b->full); }
}
static void consume_timed(int number) {
    for (join();; nap(700)) { take_in(&b->full, 100); take_in(&b->mutex, 50); got(extract()); give(&b->mutex); give(&b->empty); }
}
static void timed(void) { hire(produce_timed, 2, consume_timed, 1); }
static void produce_polling(int number) {
    for (join();; nap(30)) { poll_for(&b->empty); poll_for(&b->mutex); insert(make(number)); give(&b->mutex); give(&b->full); }
}
static void consume_polling(int number) {
    for (join();; nap(90)) { poll_for(&b->full); poll_for(&b->mutex); got(extract()); give(&b->mutex); give(&b->empty); }
}
static void polling(void) { hire(produce_polling, 2, consume_polling, 2); }

/* Long critical sections, in calls of every kind. */
static void nap_inside(void) { nap(6000); }
static void wait_for_events(void) {
    int events = epoll_create1(0);
    struct epoll_event found = {EPOLLIN};
    epoll_ctl(events, EPOLL_CTL_ADD, starting_gun[0], &found);
    epoll_wait(events, &found, 1, 5000);
    close(events);
}
static void wait_for_sysv(void) {
    int set = semget(IPC_PRIVATE, 1, 0600);
    struct sembuf down = {0, -1, 0};
    struct timespec limit = {hurried() ? 0 : 5, 1000000};
    semtimedop(set, &down, 1, &limit);
    semctl(set, 0, IPC_RMID);
}
static void compute(void) { struct timespec limit = soon(hurried() ? 1 : 2500), now; do clock_gettime(CLOCK_REALTIME, &now); while (now.tv_sec < limit.tv_sec); }
static void have_a_child(void) { pid_t pid = fork(); if (!pid) { munmap(b, sizeof *b); nap(5000); _exit(0); } while (waitpid(pid, NULL, 0) < 0); }
static void read_a_pipe(void) {
    int ends[2];
    if (pipe(ends)) damage("pipe");
    if (!fork()) { munmap(b, sizeof *b); close(ends[0]); nap(5000); _exit(0); }
    close(ends[1]);
    char letter;
    while (read(ends[0], &letter, 1) < 0);
    close(ends[0]);
}
static void (*inside)(void);
static void produce_inside(int number) {
    for (join();; nap(200)) {
        take(&b->empty); take(&b->mutex);
        inside();
        insert(make(number));
        give(&b->mutex); give(&b->full);
    }
}
static void long_section(void (*what)(void)) { inside = what; hire(produce_inside, 1, consume, 1); spawn("producer", produce, 1); }
static void long_critical(void) { long_section(nap_inside); }
static void long_critical_alone(void) { inside = nap_inside; spawn("producer", produce_inside, 0); spawn("consumer", consume, 0); }
static void held_in_epoll(void) { long_section(wait_for_events); }
static void held_in_semop(void) { long_section(wait_for_sysv); }
static void held_computing(void) { long_section(compute); }
static void held_in_wait(void) { long_section(have_a_child); }
static void held_in_read(void) { long_section(read_a_pipe); }
/* Somebody who only looks holds the lock now and then: a backup of all slots. */
static void back_up(int number) { for (join();; nap(300)) { take(&b->mutex); nap(4000); give(&b->mutex); } }
static void backed_up(void) { pair(); spawn("backup", back_up, 0); }
/* The lock passes to a child: the one who took it ends, and the child posts it. */
static void pass_on(int number) {
    join();
    take(&b->empty); take(&b->mutex);
    pid_t pid = fork();
    if (pid) _exit(0);
    nap(4000);
    insert(make(number));
    give(&b->mutex); give(&b->full);
    for (;;) { put(number); nap(20); }
}
static void passed_on(void) { spawn("producer", pass_on, 0); hire(produce, 0, consume, 1); spawn("producer", produce, 1); }
/* The permit is taken by one process and posted by another, which learns of it by a pipe. */
static int tokens[2];
static void dispatch(int number) { for (join();;) { take(&b->empty); if (write(tokens[1], "x", 1) != 1) damage("write"); } }
static void work_on_tokens(int number) {
    char letter;
    for (join();;) {
        nap(700);
        while (read(tokens[0], &letter, 1) != 1);
        take(&b->mutex); insert(make(number)); give(&b->mutex); give(&b->full);
    }
}
static void handed_over(void) { if (pipe(tokens)) damage("pipe"); spawn("dispatcher", dispatch, 0); hire(work_on_tokens, 1, consume, 1); }

/* Nobody on the other side yet. */
static void join_later(int number) { rest(); consume(number); }
static void produce_later(int number) { rest(); produce(number); }
static void full_ring(void) { spawn("producer", produce, 0); spawn("later", join_later, 0); }
static void empty_ring(void) { spawn("consumer", consume, 0); spawn("later", produce_later, 0); }
static void empty_ring_of_three(void) { hire(produce, 0, consume, 3); spawn("later", produce_later, 0); }
static void just_made(void) { spawn("later", produce_later, 0); spawn("later", join_later, 0); spawn("owner", map_and_sleep, 0); }

/* Processes that come and go. */
static void put_two(int number) { join(); put(number); nap(300); put(number); }
static int server_pipe[2];
static void serve(int how) {
    join();
    for (int i = 0;; i = (i + 1) % 8) {
        pid_t pid = fork();
        if (!pid) { prctl(PR_SET_PDEATHSIG, SIGKILL); put_two(i); _exit(0); }
        char letter;
        if (how == 1) usleep(300000);
        if (how == 2) { alarm(1); while (read(server_pipe[0], &letter, 1) < 0 && errno != EINTR); }
        if (how == 3) nap(500);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR);
    }
}
static void on_alarm(int number) {}
static void forks(int how) {
    struct sigaction quiet = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &quiet, NULL);
    if (pipe(server_pipe)) damage("pipe");
    spawn("server", serve, how);
    spawn("consumer", consume, 0);
}
static void forks_wait(void) { forks(0); }
static void forks_poll(void) { forks(3); }
static void forks_read(void) { forks(2); }
static void forks_sleep(void) { forks(1); }
static void once(int number) { join(); if (number < 100) put(number); else get(); leave(); }
static void come_and_go(int first) {
    for (int i = 0;; i = (i + 1) % 8) {
        pid_t pid = spawn(first ? "consumer" : "producer", once, first + i);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR);
        nap(90);
    }
}
static void one_shot_producers(void) { spawn("cron", come_and_go, 0); spawn("consumer", consume, 0); }
static void one_shot_consumers(void) { spawn("producer", produce, 0); spawn("cron", come_and_go, 100); }
static void one_shot_both(void) { spawn("cron", come_and_go, 0); spawn("cron", come_and_go, 100); }
static void put_and_unmap(int number) { for (;; nap(200)) { join(); put(number); leave(); } }
static void get_and_unmap(int number) { for (;; nap(300)) { join(); get(); leave(); } }
static void brief_maps(void) { hire(put_and_unmap, 1, get_and_unmap, 1); }
static void hire_late(int number) { for (int i = 0; i < 6; i++) { nap(900); spawn("consumer", consume, 0); } rest(); }
static void late(void) { hire(produce, 2, consume, 1); spawn("launcher", hire_late, 0); }

/* Things that happen to a process. */
static void stop_at_pace(int number) { join(); for (int i = 0;; i++) { put(number); nap(20); if (i == 20) raise(SIGSTOP); } }
static void stop_inside(int number) {
    join();
    for (int i = 0;; i++) {
        take(&b->empty); take(&b->mutex);
        insert(make(number));
        if (i == 20) raise(SIGSTOP);
        give(&b->mutex); give(&b->full);
        nap(20);
    }
}
static void stopped(void) { hire(stop_at_pace, 1, consume, 1); }
static void stopped_inside(void) { hire(stop_inside, 1, consume, 2); }
static void stopped_of_two(void) { hire(stop_at_pace, 1, consume, 1); spawn("producer", produce, 1); }
static void every_50_ms(void) {
    struct sigaction quiet = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 50000}, {0, 50000}};
    sigaction(SIGALRM, &quiet, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}
static void produce_alarmed(int number) { every_50_ms(); produce(number); }
static void consume_alarmed(int number) { every_50_ms(); consume(number); }
static void interrupted(void) { produce_ms = 700; hire(produce_alarmed, 1, consume_alarmed, 2); }
static void interrupted_full(void) { consume_ms = 100000; hire(produce_alarmed, 2, consume, 1); }
static void leave_to_thread(int role) {
    pthread_t id;
    join();
    pthread_create(&id, NULL, role ? thread_consume : thread_produce, NULL);
    pthread_exit(NULL);
}
static void main_gone(void) { spawn("producer", leave_to_thread, 0); spawn("consumer", leave_to_thread, 1); }
static void main_gone_slow(void) { produce_ms = 20000; main_gone(); }
static void *thread_nap_inside(void *number) { inside = nap_inside; produce_inside(0); return NULL; }
static void hold_in_thread(int number) { pthread_t id; pthread_create(&id, NULL, thread_nap_inside, NULL); pthread_exit(NULL); }
static void main_gone_inside(void) { spawn("producer", hold_in_thread, 0); spawn("consumer", consume, 0); spawn("producer", produce, 1); }
static void unlink_soon(int number) { join(); nap(1500); shm_unlink(name); for (;;) { put(number); nap(20); } }
static void unlinked_early(void) { hire(unlink_soon, 1, consume, 1); }
/* A handler that takes its time interrupts a wait: the thread is counted as waiting, and sleeps elsewhere. */
static void nap_in_handler(int number) { nap(2500); }
static void every(int seconds, void (*handler)(int)) {
    struct sigaction slow = {.sa_handler = handler};
    struct itimerval often = {{seconds, 0}, {seconds, 0}};
    sigaction(SIGALRM, &slow, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}
static void consume_interrupted(int number) { every(3, nap_in_handler); consume(number); }
static void slow_handler(void) { produce_ms = 7000; hire(produce, 1, consume_interrupted, 1); }
/* One thread, semaphores private to it: a timer's handler puts the items that it waits for. */
static void put_in_handler(int number) {
    if (sem_trywait(&b->empty)) return;
    insert(make(0));
    give(&b->full);
}
static void consume_of_handler(int number) {
    join();
    every(2, put_in_handler);
    for (;;) { take(&b->full); got(extract()); give(&b->empty); if (hurried()) raise(SIGALRM); }
}
static void private_handler(void) { private_semaphores(); spawn("app", consume_of_handler, 0); spawn("helper", map_and_sleep, 0); }

/* One producer and one consumer need no lock: mutex is left at 0, and nobody uses it. */
static void produce_unlocked_later(int number) { rest(); produce_unlocked(number); }
static void consume_unlocked_later(int number) { rest(); consume_unlocked(number); }
static void no_lock(void) { sem_init(&b->mutex, 1, 0); hire(produce_unlocked, 1, consume_unlocked, 1); }
static void no_lock_slow(void) { produce_ms = 20000; no_lock(); }
static void no_lock_empty(void) { sem_init(&b->mutex, 1, 0); spawn("consumer", consume_unlocked, 0); spawn("later", produce_unlocked_later, 0); }
static void no_lock_full(void) { sem_init(&b->mutex, 1, 0); hire(produce_unlocked, 1, consume_unlocked_later, 1); }
/* mutex is the producers' own: its holder waits for its permits, and the one consumer needs none of it. */
static void produce_with_own_lock(int number) {
    for (join();; nap(produce_ms)) {
        take(&b->mutex);
        for (int i = 0; i < 2; i++) { take(&b->empty); insert(make(number)); give(&b->full); }
        give(&b->mutex);
    }
}
static void own_lock(void) { hire(produce_with_own_lock, 2, consume_unlocked, 1); }
static void own_lock_slow(void) { consume_ms = 20000; own_lock(); }
static void own_lock_full(void) { hire(produce_with_own_lock, 2, consume_unlocked_later, 1); }
static void brief_get(int number) { for (;; nap(4000)) { join(); take(&b->full); got(extract()); give(&b->empty); leave(); } }
static void own_lock_brief(void) { hire(produce_with_own_lock, 2, brief_get, 1); }
static void own_lock_of_one(void) { hire(produce_with_own_lock, 1, brief_get, 1); }
/* Two may be inside at once: one producer and one consumer, whose indices are their own. */
static void two_inside(void) { may_be_inside = 2; sem_init(&b->mutex, 1, 2); pair(); }
static void two_inside_slow(void) { produce_ms = 20000; two_inside(); }
static void two_inside_full(void) { may_be_inside = 2; sem_init(&b->mutex, 1, 2); full_ring(); }
/* The creator takes its time before it initialises; the others look again until it has. */
static void initialise_late(int number) {
    join();
    nap(7000);
    initialise(1, N, 0);
    consume(number);
}
static void produce_once_initialised(int number) {
    int value = 0;
    for (join(); !value; sem_getvalue(&b->mutex, &value)) nap(50);
    produce(number);
}
static void slow_start(void) { memset(b, 0, sizeof *b); spawn("owner", initialise_late, 0); spawn("producer", produce_once_initialised, 0); }
/* Nothing but the file is there yet: its owner still reads its settings. */
static void start_at_last(int number) { rest(); initialise_late(number); }
static void produce_not_yet(int number) { rest(); produce_once_initialised(number); }
static void not_yet(void) { memset(b, 0, sizeof *b); spawn("owner", start_at_last, 0); spawn("producer", produce_not_yet, 0); }

static void debugged(void) { hire(produce, 1, consume, 1); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(pair), MODE(two_three), MODE(unthrottled), MODE(slow), MODE(slow_consumer), MODE(bursty),
    MODE(threads_private), MODE(threads_private_slow), MODE(threads_private_helper),
    MODE(threads_private_empty_helper), MODE(threads16),
    MODE(monitored), MODE(helped), MODE(post_late), MODE(take_early), MODE(post_late_two),
    MODE(batch_permits), MODE(batch_lock), MODE(ahead), MODE(reserved), MODE(reserved_full),
    MODE(aside), MODE(aside_full), MODE(aside_gone), MODE(last_post), MODE(last_post_exit), MODE(ends),
    MODE(timed), MODE(polling), MODE(long_critical), MODE(long_critical_alone), MODE(held_in_epoll),
    MODE(held_in_semop), MODE(held_computing), MODE(held_in_wait), MODE(held_in_read),
    MODE(backed_up), MODE(passed_on), MODE(handed_over), MODE(full_ring), MODE(empty_ring),
    MODE(empty_ring_of_three), MODE(just_made), MODE(forks_wait), MODE(forks_poll), MODE(forks_read),
    MODE(forks_sleep), MODE(one_shot_producers), MODE(one_shot_consumers), MODE(one_shot_both),
    MODE(brief_maps), MODE(late), MODE(stopped), MODE(stopped_inside), MODE(stopped_of_two),
    MODE(interrupted), MODE(interrupted_full), MODE(main_gone), MODE(main_gone_slow),
    MODE(main_gone_inside), MODE(unlinked_early), MODE(slow_handler),
    MODE(private_handler), MODE(no_lock), MODE(no_lock_slow), MODE(no_lock_empty), MODE(no_lock_full),
    MODE(own_lock), MODE(own_lock_slow),
    MODE(own_lock_full), MODE(own_lock_brief), MODE(own_lock_of_one), MODE(two_inside), MODE(two_inside_slow), MODE(two_inside_full), MODE(slow_start), MODE(not_yet),
    MODE(debugged),
};

int main(int argc, char **argv) {
    int count = sizeof MODES / sizeof MODES[0];
    if (argc < 3) { for (int i = 0; i < count; i++) puts(MODES[i].name); return 0; }
    make_buffer(argv[2]);
    return keep_mode(MODES, count, argv[1]);
}
