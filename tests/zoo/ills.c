/* ills MODE NAME: sick programs on the exercise's struct, of mistakes that the textbook does not name. They run until
   they are killed; nobody counts their items. */
#include "ring.h"

static void put_any(void) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); }
static void get_any(void) { take(&b->full); take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); }
static void produce_any(int ms) { for (join();; usleep(1000 * ms)) put_any(); }
static void consume_any(int ms) { for (join();; usleep(1000 * ms)) get_any(); }
static void sleep_on(void) { for (;;) usleep(100000); }

/* Out of the critical section by a return that posts nothing: it exits, goes on elsewhere, or begins anew. */
static void exit_inside(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); exit(0); }
static void exits_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); run("producer", exit_inside, 3); }
static void wander_off(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); sleep_on(); }
static void wanders_off(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); spawn("producer", wander_off, 3); }
static void lock_twice(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); take(&b->mutex); }
static void locks_twice(void) { spawn("consumer", consume_any, 50); spawn("producer", lock_twice, 3); }
static void *leave_inside(void *n) { take(&b->empty); take(&b->mutex); return NULL; }
static void thread_leaves(int n) { join(); while (n--) put_any(); pthread_t t; pthread_create(&t, NULL, leave_inside, NULL); for (;;) put_any(); }
static void thread_ends_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", thread_leaves, 3); }
static void become_sleep(int n) { join(); while (n--) put_any(); take(&b->empty); take(&b->mutex); execlp("sleep", "sleep", "1000", (char *)0); }
static void execs_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", produce_any, 50); spawn("producer", become_sleep, 3); }
static void wait_for_child(int n) {
    join();
    take(&b->empty); take(&b->mutex);
    if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL); get_any(); _exit(0); }
    wait(NULL);
    give(&b->mutex);
}
static void waits_for_child(void) { put_any(); spawn("parent", wait_for_child, 0); }
static void stop_inside(int n) { join(); take(&b->empty); take(&b->mutex); raise(SIGSTOP); }
static void stops_inside(void) { spawn("consumer", consume_any, 50); spawn("producer", stop_inside, 0); }
/* Its holder is dead, and who wants it looks again and again without a wait. */
static void spin_for(int n) { for (join();; ) { take(&b->empty); while (sem_trywait(&b->mutex)); insert(0); give(&b->mutex); give(&b->full); } }
static void die_inside(int n) { join(); take(&b->empty); take(&b->mutex); raise(SIGKILL); }
static void spins_for_the_dead(void) { run("victim", die_inside, 0); spawn("producer", spin_for, 0); }

/* Permits: forgotten now and then, posted to the wrong side, more than there are, none, of an old run. */
static void forget(int n) { for (join();; usleep(20000)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); if (++n % 3) give(&b->full); } }
static void forgets(void) { spawn("producer", forget, 0); spawn("consumer", consume_any, 10); }
static void post_empty(int n) { for (join();; usleep(50000)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->empty); } }
static void posts_the_wrong_one(void) { spawn("producer", post_empty, 0); spawn("consumer", consume_any, 10); }
static void one_slot_more(void) { initialise(1, N + 1, 0); spawn("producer", produce_any, 20); spawn("consumer", consume_any, 400); }
static void no_permits(void) { initialise(1, 0, 0); spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); }
static void lock_never_given(void) { initialise(0, N, 0); spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); }
/* Each takes half of what it needs, and waits for the other half. */
static void put_three(int n) { join(); take(&b->empty); take(&b->empty); usleep(300000); take(&b->empty); take(&b->empty); sleep_on(); }
static void halves(void) { spawn("producer", put_three, 0); spawn("producer", put_three, 0); spawn("consumer", consume_any, 10); }
/* The only consumer waits for its input for ever, with a permit in hand. */
static void get_and_read(int n) { join(); while (n--) get_any(); take(&b->full); char c; int ends[2]; if (!pipe(ends)) read(ends[0], &c, 1); }
static void reads_for_ever(void) { spawn("producer", produce_any, 50); spawn("consumer", get_and_read, 3); }

/* The bytes: wiped while they sleep, written over, shrunk, replaced. */
static void wiped(void) { spawn("consumer", consume_any, 50); spawn("consumer", consume_any, 50); usleep(300000); memset(b, 0, sizeof *b); }
static void overwritten(void) { spawn("producer", produce_any, 50); spawn("consumer", consume_any, 50); usleep(300000); memset(b->data, 0x41, sizeof b->data + 8); }
static void anew(int n) {
    shm_unlink(name);
    b = created(name, sizeof *b);
    initialise(1, N, 0);
    for (;; usleep(50000)) put_any();
}
static void replaced(void) { spawn("consumer", consume_any, 50); usleep(300000); spawn("producer", anew, 0); usleep(200000); }
static void join_privately(int n) {
    int fd = shm_open(name, O_RDWR, 0600);
    b = mmap(NULL, sizeof *b, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    for (;; usleep(50000)) put_any();
}
static void copied(void) { spawn("producer", join_privately, 0); spawn("consumer", consume_any, 50); }

#define MODE(mode) {#mode, mode}
static const struct { const char *name; void (*run)(void); } MODES[] = {
    MODE(exits_inside), MODE(wanders_off), MODE(locks_twice), MODE(thread_ends_inside), MODE(execs_inside),
    MODE(waits_for_child), MODE(stops_inside), MODE(spins_for_the_dead), MODE(forgets), MODE(posts_the_wrong_one),
    MODE(one_slot_more), MODE(no_permits), MODE(lock_never_given), MODE(halves),
    MODE(reads_for_ever), MODE(wiped), MODE(overwritten), MODE(replaced), MODE(copied),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) if (!strcmp(argv[1], MODES[i].name)) {
        MODES[i].run();
        let_go();
        usleep(1200000);
        puts("ready");
        for (;;) pause();
    }
    return 2;
}
