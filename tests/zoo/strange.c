/* strange MODE NAME: healthy programs that pass the lock on, come and go, or begin late. They take no
   header of Linux's own, so that musl builds them too. */
#include "ring.h"
#include <sys/socket.h>
#include <sys/syscall.h>

#define LONG 100000

static const char *self;

/* A copy of this program that is another file: who executes it runs another program. */
static const char *copy(void) {
    static char path[40];
    char buffer[65536];
    int from = open(self, O_RDONLY), to = memfd_create("copy", 0);
    for (ssize_t n; (n = read(from, buffer, sizeof buffer)) > 0;) if (write(to, buffer, n) != n) damage("write");
    close(from);
    sprintf(path, "/proc/self/fd/%d", to);
    return path;
}

/* One takes a permit and the lock, becomes another program, and ends its work from there. */
static void take_and_become(int number) {
    nap(400);
    join(); take(&b->empty); lock();
    become(copy(), "+later", name);
}
static void later(void) {
    nap(LONG);
    join(); insert(make(31)); unlock(); give(&b->full); leave();
    for (;;) nap(LONG);
}
static void consume_later(int number) { rest(); consume(number); }
static void become_producer(int number) { become(copy(), number ? "+second" : "+first", name); }
static void becomes(void) { spawn("editor", take_and_become, 0); usleep(700000); hire(become_producer, 2, consume_later, 1); }

/* The child of the one that took both ends the work; its parent waits for it. */
static void fork_inside(int number) {
    for (join(), nap(300);; nap(300)) {
        take(&b->empty); lock();
        if (!fork()) { leave(); nap(LONG); join(); insert(make(number)); unlock(); give(&b->full); _exit(0); }
        while (wait(NULL) < 0 && errno == EINTR);
    }
}
static void forks_inside(void) { hire(fork_inside, 1, consume, 1); spawn("p2", produce, 1); }
/* The same where the parent has let go of the ring. */
static void fork_and_leave(int number) {
    for (nap(300);; nap(300)) {
        join(); take(&b->empty); lock();
        if (!fork()) { nap(LONG); insert(make(number)); unlock(); give(&b->full); _exit(0); }
        leave();
        while (wait(NULL) < 0 && errno == EINTR);
    }
}
static void forks_and_leaves(void) { hire(fork_and_leave, 1, consume, 1); spawn("p2", produce, 1); }

/* Who has the lock passes it on through a socket, with the segment's descriptor, and ends. */
static int ends[2];
static void send_lock(int number) {
    nap(300);
    int fd = shm_open(name, O_RDWR, 0);
    join(); take(&b->empty); lock();
    char byte = 1, room[CMSG_SPACE(sizeof fd)] = {0};
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET; head->cmsg_type = SCM_RIGHTS; head->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(head), &fd, sizeof fd);
    if (sendmsg(ends[0], &message, 0) != 1) damage("sendmsg");
    _exit(0);
}
static void receive_lock(int number) {
    rest();
    char byte, room[CMSG_SPACE(sizeof(int))];
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room};
    if (recvmsg(ends[1], &message, 0) != 1) damage("recvmsg");
    int fd;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    insert(make(30)); unlock(); give(&b->full); leave();
    for (;;) nap(LONG);
}
static void by_socket(void) {
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) damage("socketpair");
    spawn("sender", send_lock, 0); spawn("receiver", receive_lock, 0);
    usleep(500000);
    hire(produce, 2, consume, 1);
}

/* A worker is killed inside; who starts it again, after a while, ends its work first. */
static void die(int number) { nap(1500); join(); take(&b->empty); lock(); b->data[b->in] = make(29); raise(SIGKILL); }
static void recover(int number) { join(); b->in = (b->in + 1) % N; unlock(); give(&b->full); }
static void supervise(int number) { run("worker", die, 0); nap(LONG); run("worker", recover, 0); for (;;) nap(LONG); }
static void restarts(void) { pair(); spawn("init", supervise, 0); }

/* A client is killed inside; the server, which waits for orders, ends its work once it is told to. */
static void die_mapped(int number) { join(); nap(3500); take(&b->empty); lock(); b->data[b->in] = make(28); raise(SIGKILL); }
static void starts_one(int number) { run("client", die_mapped, 0); for (;;) nap(LONG); }
static void clean_up(int number) {
    struct pollfd order = {starting_gun[0], POLLIN, 0};
    join();
    while (poll(&order, 1, -1) != 1);
    b->in = (b->in + 1) % N; unlock(); give(&b->full);
    for (;;) pause();
}
static void begin_late(int number) { join(); nap(4500); for (;; nap(produce_ms)) put(number); }
static void cleans_up(void) { spawn("server", clean_up, 0); hire(begin_late, 2, consume_later, 1); spawn("init", starts_one, 0); }

/* All begins at 0, and who opens the gate maps nothing before. */
static void open_gate(int number) {
    rest();
    join();
    for (int i = 0; i < N; i++) give(&b->empty);
    give(&b->mutex);
    leave();
    for (;;) nap(LONG);
}
static void zeroes(void) { initialise(0, 0, 0); hire(produce, 2, consume, 1); spawn("starter", open_gate, 0); }

/* Credits: the consumer gives one when it is ready. */
static void consume_credit(int number) { for (join();; nap(3000)) { give(&b->empty); take(&b->full); lock(); got(extract()); unlock(); } }
static void produce_credit(int number) { for (join();; nap(20)) { take(&b->empty); lock(); insert(make(number)); unlock(); give(&b->full); } }
static void credits(void) { initialise(1, 0, 0); hire(produce_credit, 1, consume_credit, 1); }
static void credits_none(int number) { rest(); consume_credit(number); }
static void credits_late(void) { initialise(1, 0, 0); spawn("producer", produce_credit, 0); spawn("consumer", credits_none, 0); }
/* The consumer keeps the lock while it waits for items; the one producer uses none. */
static void consume_lock_first(int number) { for (join();;) { lock(); take(&b->full); got(extract()); unlock(); give(&b->empty); nap(5); } }
static void produce_slow(int number) { for (join();; nap(LONG)) put_unlocked(number); }
static void lock_first(void) { hire(produce_slow, 1, consume_lock_first, 3); }
/* One that comes to look once has the lock for a while and ends; each time another one. */
static void hold_long(int number) { join(); lock(); nap(4000); unlock(); }
static void guests(int number) { for (;; nap(200)) run("guest", hold_long, 0); }
static void long_guests(void) { pair(); spawn("cron", guests, 0); }
/* The permits are taken for good by a process that has ended; the ring goes on with fewer. */
static void keep_two(int number) { join(); take(&b->empty); take(&b->empty); }
static void fewer(void) { run("keeper", keep_two, 0); pair(); }
/* A reader of the segment sleeps with a lock of its own; workers begin only when they hurry. */
static void look_on(int number) { b = opened(name, sizeof *b, PROT_READ); for (;;) nap(LONG); }
static void produce_after(int number) { rest(); produce(number); }
static void consume_after(int number) { rest(); consume(number); }
static void viewer_first(void) { spawn("viewer", look_on, 0); hire(produce_after, 1, consume_after, 1); }
/* A worker takes the lock and is replaced: the next takes it over by name, as a pid file tells. */
static void relay(int number) {
    join();
    for (int first = !number;; first = 0) {
        if (!first) nap(0);
        take(&b->empty); lock(); insert(make(number)); nap(2500); unlock(); give(&b->full);
        if (!fork()) { prctl(PR_SET_PDEATHSIG, 0); relay(number); }
        _exit(0);
    }
}
static void relays(void) { spawn("relay", relay, 0); spawn("consumer", consume, 0); spawn("producer", produce, 1); }
/* The whole ring is made anew by one process now and then, while nobody waits. */
static void epoch(int number) {
    for (join();; nap(1500)) {
        initialise(1, N, 0); b->in = b->out = 0;
        for (int i = 0; i < 4; i++) { put(0); nap(100); }
        for (int i = 0; i < 4; i++) get();
    }
}
static void epochs(void) { spawn("app", epoch, 0); }
/* A stack: out is of no use. */
static void push(int number) { for (join();; nap(300)) { take(&b->empty); lock(); b->data[b->in++] = 1; unlock(); give(&b->full); } }
static void pop(int number) { for (join();; nap(400)) { take(&b->full); lock(); b->in--; tally->taken++; unlock(); give(&b->empty); } }
static void stack(void) { hire(push, 1, pop, 1); }
/* mutex is the lock of another protocol: held by whoever leads, for as long as he leads; posted by the last. */
static void lead(int number) { join(); take(&b->mutex); for (;;) nap(LONG); }
static void leader(void) { spawn("leader", lead, 0); usleep(100000); for (int i = 0; i < 2; i++) spawn("candidate", lead, 0); hire(produce_unlocked, 1, consume_unlocked, 1); }
static void leader_idle(void) { spawn("leader", lead, 0); usleep(100000); for (int i = 0; i < 2; i++) spawn("candidate", lead, 0); hire(produce_slow, 1, consume_unlocked, 1); }
static void lead_unmapped(int number) { join(); take(&b->mutex); leave(); rest(); for (;;) nap(LONG); }
static void leader_unmapped(void) { spawn("leader", lead_unmapped, 0); usleep(100000); for (int i = 0; i < 2; i++) spawn("candidate", lead, 0); hire(produce_slow, 1, consume_unlocked, 1); }
/* Killed by design while it waits for a permit: a time limit of its work. */
static void limit(int number) {
    for (;; nap(300)) { pid_t pid = spawn("consumer", consume, 0); nap(2000); kill(pid, SIGKILL); while (waitpid(pid, NULL, 0) < 0 && errno == EINTR); }
}
static void wait_inside_full(int number) { for (join();;) { take(&b->full); got(extract()); give(&b->empty); } }
static void limit_waiter(int number) {
    for (;; nap(300)) { pid_t pid = spawn("consumer", wait_inside_full, 0); nap(2000); kill(pid, SIGKILL); while (waitpid(pid, NULL, 0) < 0 && errno == EINTR); }
}
static void produce_seldom(int number) { for (join(), nap(LONG);; nap(20)) put(number); }
static void time_limit(void) { spawn("producer", produce_seldom, 0); spawn("init", limit_waiter, 0); }

/* Private to a process by their marks, and used by several: who looks again after a while needs no wake-up. */
static void put_again(int number) {
    for (join();; nap(number ? 3000 : 20)) { take_in(&b->empty, 200); take_in(&b->mutex, 200); insert(make(0)); give(&b->mutex); give(&b->full); }
}
static void get_again(int number) {
    for (join();; nap(20)) { take_in(&b->full, 200); take_in(&b->mutex, 200); got(extract()); give(&b->mutex); give(&b->empty); }
}
static void put_polled(int number) {
    for (join();; nap(20)) { poll_for(&b->empty); poll_for(&b->mutex); insert(make(0)); give(&b->mutex); give(&b->full); }
}
static void get_polled(int number) {
    for (join();; nap(number ? 3000 : 20)) { poll_for(&b->full); poll_for(&b->mutex); got(extract()); give(&b->mutex); give(&b->empty); }
}
static void put_again_slowly(int number) { put_again(1); }
static void get_polled_slowly(int number) { get_polled(1); }
static void private_timed(void) { private_semaphores(); hire(put_again, 1, get_again, 1); }
static void private_timed_slow(void) { private_semaphores(); hire(put_again_slowly, 1, get_again, 1); }
static void private_polled(void) { private_semaphores(); hire(put_polled, 1, get_polled, 1); }
static void private_mixed(void) { private_semaphores(); hire(put_polled, 1, get_again, 1); }
static void private_full(void) { private_semaphores(); hire(put_again, 1, get_polled_slowly, 1); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(becomes), MODE(forks_inside), MODE(forks_and_leaves), MODE(by_socket),
    MODE(restarts), MODE(cleans_up), MODE(zeroes), MODE(credits), MODE(credits_late), MODE(lock_first), MODE(long_guests),
    MODE(fewer), MODE(viewer_first), MODE(relays), MODE(epochs), MODE(stack), MODE(leader), MODE(leader_idle), MODE(leader_unmapped), MODE(time_limit),
    MODE(private_timed), MODE(private_timed_slow), MODE(private_polled), MODE(private_mixed), MODE(private_full),
};

int main(int argc, char **argv) {
    self = argv[0];
    if (argv[1][0] == '+') {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        come_after(argv);
        name = argv[2];
        if (strcmp(argv[1], "+later")) produce(argv[1][1] == 's');
        later();
    }
    make_buffer(argv[2]);
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
