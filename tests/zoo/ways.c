/* ways MODE NAME: healthy programs on the exercise's struct that keep the lock while they sleep in a call of
   another kind, pass the segment on, or see it by another way than a mapping by its name. */
#include "ring.h"
#include <mqueue.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define INSIDE 5000 /* ms that a holder sleeps in the critical section */

/* A producer that does something long inside, each time. */
static void put_with(int number, void (*wait_inside)(void)) {
    for (join();; nap(produce_ms)) { take(&b->empty); lock(); wait_inside(); insert(make(number)); unlock(); give(&b->full); }
}

/* It sleeps inside until a FIFO has a writer, a connection comes, a record lock is free, a message comes. */
static char fifo[40];
static void open_fifo(void) { close(open(fifo, O_RDONLY)); }
static void put_on_fifo(int number) { put_with(number, open_fifo); }
static void write_fifo(int number) { for (;;) { nap(INSIDE); close(open(fifo, O_WRONLY)); } }
static void fifo_inside(void) {
    char path[60];
    sprintf(path, "/tmp/shmtui-ways-%d", getpid());
    if (mkfifo(path, 0600)) damage("mkfifo");
    sprintf(fifo, "/proc/self/fd/%d", open(path, O_PATH)); /* its name is not needed any more */
    unlink(path);
    hire(put_on_fifo, 1, consume, 1);
    spawn("writer", write_fifo, 0);
}
static int listener;
static struct sockaddr_un address = {AF_UNIX};
static void accept_one(void) { close(accept(listener, NULL, NULL)); }
static void put_on_connection(int number) { put_with(number, accept_one); }
static void connect_slowly(int number) {
    for (;;) { nap(INSIDE); int fd = socket(AF_UNIX, SOCK_STREAM, 0); connect(fd, (void *)&address, sizeof address); close(fd); }
}
static void accept_inside(void) {
    sprintf(address.sun_path + 1, "shmtui-ways-%d", getpid());
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 8)) damage("bind");
    hire(put_on_connection, 1, consume, 1);
    spawn("client", connect_slowly, 0);
}
static int paper;
static int by_record(int fd, int kind, int how) { struct flock f = {.l_type = kind, .l_whence = SEEK_SET, .l_len = 1}; return fcntl(fd, how, &f); }
static void lock_record(void) { by_record(paper, F_WRLCK, F_SETLKW); by_record(paper, F_UNLCK, F_SETLK); }
static void put_under_record(int number) { put_with(number, lock_record); }
static void keep_record(int number) { for (;; nap(50)) { by_record(paper, F_WRLCK, F_SETLKW); nap(INSIDE); by_record(paper, F_UNLCK, F_SETLK); } }
static void record_inside(void) { paper = memfd_create("paper", 0); spawn("keeper", keep_record, 0); hire(put_under_record, 1, consume, 1); }
static mqd_t queue;
static void receive(void) { char byte; while (mq_receive(queue, &byte, 1, NULL) < 0) if (errno != EINTR) damage("mq_receive"); }
static void put_on_message(int number) { put_with(number, receive); }
static void send_slowly(int number) { for (;; nap(INSIDE)) mq_send(queue, "", 1, 0); }
static void message_inside(void) {
    struct mq_attr one = {.mq_maxmsg = 1, .mq_msgsize = 1};
    char path[40];
    sprintf(path, "/shmtui-ways-%d", getpid());
    queue = mq_open(path, O_CREAT | O_EXCL | O_RDWR, 0600, &one);
    mq_unlink(path);
    hire(put_on_message, 1, consume, 1);
    spawn("sender", send_slowly, 0);
}

/* It sleeps inside as one that has forked by vfork(2), waits for a thread of its own, for a signal, for a condition
   of its own, on another semaphore that somebody outside posts. */
static void vfork_once(void) { pid_t child = vfork(); if (!child) { usleep(hurried() ? 1000 : INSIDE * 1000); _exit(0); } waitpid(child, NULL, 0); }
static void put_after_vfork(int number) { put_with(number, vfork_once); }
static void vfork_inside(void) { hire(put_after_vfork, 1, consume, 1); }
static void *nap_long(void *n) { nap(INSIDE); return NULL; }
static void join_thread(void) { pthread_t t; pthread_create(&t, NULL, nap_long, NULL); pthread_join(t, NULL); }
static void put_after_join(int number) { put_with(number, join_thread); }
static void join_inside(void) { hire(put_after_join, 1, consume, 1); }
static void wait_signal(void) {
    sigset_t set;
    sigemptyset(&set); sigaddset(&set, SIGALRM);
    alarm(hurried() ? 1 : INSIDE / 1000);
    sigwaitinfo(&set, NULL);
}
static void put_on_signal(int number) { sigset_t set; sigemptyset(&set); sigaddset(&set, SIGALRM); sigprocmask(SIG_BLOCK, &set, NULL); put_with(number, wait_signal); }
static void sigwait_inside(void) { hire(put_on_signal, 1, consume, 1); }
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t own_cond = PTHREAD_COND_INITIALIZER;
static int told;
static void *tell_later(void *n) { for (;;) { nap(INSIDE); pthread_mutex_lock(&own_lock); told = 1; pthread_cond_signal(&own_cond); pthread_mutex_unlock(&own_lock); } }
static void wait_told(void) { pthread_mutex_lock(&own_lock); while (!told) pthread_cond_wait(&own_cond, &own_lock); told = 0; pthread_mutex_unlock(&own_lock); }
static void put_when_told(int number) { pthread_t t; pthread_create(&t, NULL, tell_later, NULL); put_with(number, wait_told); }
static void condition_inside(void) { hire(put_when_told, 1, consume, 1); }
static sem_t *outside; /* in memory of the family, not in the segment */
static void wait_outside(void) { take(outside); }
static void put_when_let(int number) { put_with(number, wait_outside); }
static void let_slowly(int number) { for (;;) { nap(INSIDE); give(outside); } }
static void other_semaphore_inside(void) {
    outside = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    sem_init(outside, 1, 0);
    hire(put_when_let, 1, consume, 1);
    spawn("gate", let_slowly, 0);
}

/* Who has the lock makes its mapping read-only, or unreadable, while it works inside. */
static void guard(int protection) { mprotect(b, sizeof *b, protection); nap(INSIDE); mprotect(b, sizeof *b, PROT_READ | PROT_WRITE); }
static void guard_reading(void) { guard(PROT_READ); }
static void guard_all(void) { guard(PROT_NONE); }
static void put_guarded(int number) { put_with(number, number ? guard_all : guard_reading); }
static void mprotect_inside(void) { hire(put_guarded, 2, consume, 1); }
/* A viewer: it maps the segment for reading for good, and for writing only to take the lock and to give it back. */
static void view(int number) {
    const Buffer *seen = opened(name, sizeof *b, PROT_READ);
    volatile int sum = 0;
    for (;; nap(300)) {
        join(); lock(); leave();
        for (int i = 0; i < N; i++) sum += seen->data[i];
        nap(INSIDE);
        join(); unlock(); leave();
    }
}
static void viewer_locks(void) { spawn("viewer", view, 0); usleep(50000); pair(); }
/* The holder moves its mapping, or forgets it and maps anew, while it is inside. */
static void move_mapping(void) {
    Buffer *at = mremap(b, sizeof *b, sizeof *b, MREMAP_MAYMOVE | MREMAP_FIXED, (char *)b - (64 << 20));
    if (at == MAP_FAILED) damage("mremap: %s", strerror(errno));
    b = at;
    nap(INSIDE);
}
static void put_moved(int number) { put_with(number, move_mapping); }
static void moves_mapping(void) { hire(put_moved, 1, consume, 1); }

/* The segment comes by a socket, or is taken from another process; who has it so never opens its name. */
static int wire[2];
static void send_file(int file) {
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 0;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET; c->cmsg_type = SCM_RIGHTS; c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &file, sizeof file);
    if (sendmsg(wire[0], &message, 0) < 0) damage("sendmsg");
}
static int receive_file(void) {
    char space[CMSG_SPACE(sizeof(int))] = {0}, byte;
    struct iovec one = {&byte, 1};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    int file;
    while (recvmsg(wire[1], &message, 0) < 0) if (errno != EINTR) damage("recvmsg");
    memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof file);
    return file;
}
static void map_file(int file) { b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0); if (b == MAP_FAILED) damage("mmap"); }
static void deliver(int number) { int file = shm_open(name, O_RDWR, 0600); nap(700); for (;; nap(INSIDE)) send_file(file); }
/* Each time that it is sent the segment it takes the lock, lets go of all of it, and posts when it is sent it anew. */
static void borrow(int number) {
    for (;;) {
        int file = receive_file(); map_file(file); close(file);
        lock(); leave();
        file = receive_file(); map_file(file); close(file);
        unlock(); leave();
    }
}
static void borrowed(void) { socketpair(AF_UNIX, SOCK_STREAM, 0, wire); pair(); spawn("deliverer", deliver, 0); spawn("borrower", borrow, 0); }
/* The holder keeps the segment's descriptor in a socket only: it lies there, sent and not yet received. */
static void keep_in_flight(int number) {
    int file = shm_open(name, O_RDWR, 0600);
    for (nap(700);; nap(100)) {
        map_file(file); lock(); leave();
        send_file(file); close(file);
        nap(INSIDE);
        file = receive_file(); map_file(file); unlock(); leave();
    }
}
static void in_flight(void) { socketpair(AF_UNIX, SOCK_STREAM, 0, wire); spawn("keeper", keep_in_flight, 0); pair(); }
static pid_t lender;
static void lend(int number) { int file = shm_open(name, O_RDWR, 0600); dup2(file, 100); for (join();; nap(500)); }
static void steal(int number) {
    nap(500);
    int at = syscall(SYS_pidfd_open, lender, 0);
    for (;; nap(50)) {
        int file = syscall(SYS_pidfd_getfd, at, 100, 0);
        if (file < 0) damage("pidfd_getfd: %s", strerror(errno));
        map_file(file); close(file);
        lock(); leave(); nap(INSIDE);
        file = syscall(SYS_pidfd_getfd, at, 100, 0);
        map_file(file); close(file);
        unlock(); leave();
    }
}
static void stolen(void) { lender = spawn("lender", lend, 0); pair(); spawn("taker", steal, 0); }

/* Roles that the names do not tell: out is where the next item goes; and empty counts the items. */
static void insert_at_out(int item) { b->data[b->out] = item; b->out = (b->out + 1) % N; }
static int extract_at_in(void) { int item = b->data[b->in]; b->in = (b->in + 1) % N; return item; }
static void put_reversed(int number) { for (join();; nap(produce_ms)) { take(&b->empty); lock(); insert_at_out(make(number)); unlock(); give(&b->full); } }
static void get_reversed(int number) { for (join();; nap(consume_ms)) { take(&b->full); lock(); got(extract_at_in()); unlock(); give(&b->empty); } }
static void indices_reversed(void) { produce_ms = 30; consume_ms = 100; hire(put_reversed, 1, get_reversed, 1); }
static void indices_reversed_idle(void) { produce_ms = 30; consume_ms = 100000; hire(put_reversed, 1, get_reversed, 1); }
static void put_named_badly(int number) { for (join();; nap(produce_ms)) { take(&b->full); lock(); insert(make(number)); unlock(); give(&b->empty); } }
static void get_named_badly(int number) { for (join();; nap(consume_ms)) { take(&b->empty); lock(); got(extract()); unlock(); give(&b->full); } }
static void permits_reversed(void) { initialise(1, 0, N); produce_ms = 30; consume_ms = 100; hire(put_named_badly, 1, get_named_badly, 1); }
static void permits_reversed_idle(void) { initialise(1, 0, N); produce_ms = 300; consume_ms = 100000; hire(put_named_badly, 1, get_named_badly, 1); }
/* Each side keeps its own index; those in the struct are never moved. */
static void put_privately(int number) { int in = 0; for (join();; nap(produce_ms)) { take(&b->empty); lock(); b->data[in] = make(number); in = (in + 1) % N; unlock(); give(&b->full); } }
static void get_privately(int number) { int out = 0; for (join();; nap(consume_ms)) { take(&b->full); lock(); got(b->data[out]); out = (out + 1) % N; unlock(); give(&b->empty); } }
static void own_indices(void) { consume_ms = 100; hire(put_privately, 1, get_privately, 1); }
static void own_indices_idle(void) { consume_ms = 100000; hire(put_privately, 1, get_privately, 1); }

/* Both sides initialise, before the first item; each destroys at its end; once a minute; a poller of all three. */
static void init_and_produce(int number) { join(); initialise(1, N, 0); nap(1200); for (;; nap(produce_ms)) put(number); }
static void init_and_consume(int number) { nap(600); join(); initialise(1, N, 0); for (;; nap(consume_ms)) get(); }
static void both_initialise(void) { memset(b, 0, sizeof *b); hire(init_and_produce, 1, init_and_consume, 1); }
static void destroy_often(int number) { for (;; nap(400)) { join(); nap(100); sem_destroy(&b->mutex); sem_destroy(&b->empty); sem_destroy(&b->full); leave(); } }
static void destroyed(void) { pair(); spawn("guest", destroy_often, 0); }
static void once_a_minute(void) { produce_ms = 60000; pair(); }
static void twice_a_minute_full(void) { consume_ms = 30000; pair(); }
static void put_polling(int number) { for (join();; nap(produce_ms)) { while (sem_trywait(&b->empty)) sched_yield(); while (sem_trywait(&b->mutex)) sched_yield(); come_in(); insert(make(number)); unlock(); give(&b->full); } }
static void get_polling(int number) { for (join();; nap(consume_ms)) { while (sem_trywait(&b->full)) usleep(500); while (sem_trywait(&b->mutex)) sched_yield(); come_in(); got(extract()); unlock(); give(&b->empty); } }
static void yields(void) { consume_ms = 200; hire(put_polling, 1, get_polling, 1); }
static void watch_values(int number) { int v; for (join();; nap(10)) { sem_getvalue(&b->empty, &v); sem_getvalue(&b->full, &v); if (!sem_trywait(&b->mutex)) give(&b->mutex); } }
static void gauges(void) { pair(); spawn("gauge", watch_values, 0); spawn("gauge", watch_values, 1); }

/* The producers are threads of one process, the consumers another one of threads, that die and are made anew. */
static void *put_some(void *number) { for (int i = 0; i < 3; i++) { put((int)(long)number); nap(100); } return NULL; }
static void thread_pool(int number) { for (join();;) { pthread_t t[3]; for (long i = 0; i < 3; i++) pthread_create(&t[i], NULL, put_some, (void *)i); for (int i = 0; i < 3; i++) pthread_join(t[i], NULL); nap(200); } }
static void pools(void) { hire(thread_pool, 1, consume, 2); }
/* A worker under a tracer that stops it at each of its calls, for a while where it is inside. */
static void trace(int number) {
    pid_t child = fork();
    if (!child) { prctl(PR_SET_NAME, "producer"); ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); produce_ms = 300; produce(0); }
    prctl(PR_SET_NAME, "tracer");
    int status;
    waitpid(child, &status, 0);
    ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_EXITKILL);
    for (;;) {
        ptrace(PTRACE_SYSCALL, child, 0, 0);
        if (waitpid(child, &status, 0) < 0 || WIFEXITED(status)) _exit(0);
        if (tally->inside) nap(INSIDE); else nap(20);
    }
}
static void traced(void) { spawn("tracer", trace, 0); spawn("consumer", consume, 0); }
/* A worker in a PID namespace of its own. */
static void in_namespace(int number) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWPID)) { produce(number); }
    pid_t child = fork();
    if (!child) { prctl(PR_SET_PDEATHSIG, SIGKILL); let_go(); for (join();; nap(produce_ms)) { take(&b->empty); lock(); nap(INSIDE); insert(make(number)); unlock(); give(&b->full); } }
    while (waitpid(child, NULL, 0) < 0);
}
static void namespaced(void) { spawn("container", in_namespace, 0); spawn("consumer", consume, 0); }
/* A queue of work in a process that has let go of its console, with the lock kept over its pauses by SIGSTOP. */
static void stop_self_inside(void) { raise(SIGSTOP); }
static void put_stopping(int number) { put_with(number, stop_self_inside); }
static void wake_up(int number) { pid_t child = spawn("producer", put_stopping, 0); for (;;) { nap(INSIDE); kill(child, SIGCONT); } }
static void job_control(void) { spawn("shell", wake_up, 0); spawn("consumer", consume, 0); }

/* Beside the permits the lock is flock(2) on the segment's own file. */
static int ring_file(void) { join(); return shm_open(name, O_RDWR, 0600); }
static void put_locked(int number) { for (int file = ring_file();; nap(produce_ms)) { take(&b->empty); flock(file, LOCK_EX); come_in(); insert(make(number)); go_out(); flock(file, LOCK_UN); give(&b->full); } }
static void get_locked(int number) { for (int file = ring_file();; nap(consume_ms)) { take(&b->full); flock(file, LOCK_EX); come_in(); got(extract()); go_out(); flock(file, LOCK_UN); give(&b->empty); } }
static void flock_on_segment(void) { hire(put_locked, 2, get_locked, 2); }

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(fifo_inside), MODE(accept_inside), MODE(record_inside), MODE(message_inside), MODE(vfork_inside), MODE(join_inside),
    MODE(sigwait_inside), MODE(condition_inside), MODE(other_semaphore_inside), MODE(mprotect_inside),
    MODE(viewer_locks), MODE(moves_mapping), MODE(borrowed), MODE(in_flight), MODE(stolen),
    MODE(indices_reversed), MODE(indices_reversed_idle), MODE(permits_reversed), MODE(permits_reversed_idle),
    MODE(own_indices), MODE(own_indices_idle), MODE(both_initialise), MODE(destroyed), MODE(once_a_minute),
    MODE(twice_a_minute_full), MODE(yields), MODE(gauges), MODE(pools), MODE(traced), MODE(namespaced), MODE(job_control), MODE(flock_on_segment),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
