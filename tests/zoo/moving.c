/* moving MODE NAME: sick programs whose items move, or moved until they were watched. The fault of those
   named dies_… is made once SIGUSR1 is sent. They run until they are killed. */
#include "ring.h"

/* The same without the count of who got what: it would be wrong, and end them. */
static void put_any(void) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(&b->full); }
static void get_any(void) { take(&b->full); take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); }
static void produce_any(int ms) { for (join();; usleep(1000 * ms)) put_any(); }
static void consume_any(int ms) { for (join();; usleep(1000 * ms)) get_any(); }

/* A producer is started again on the old segment: it initialises the semaphores, and not the indices. */
static void produce_anew(int ms) { join(); initialise(1, N, 0); for (;; usleep(1000 * ms)) put_any(); }
static void restarted(void) { b->in = 3; b->out = 1; spawn("producer", produce_anew, 300); usleep(200000); spawn("consumer", consume_any, 10); }
/* A consumer has once not moved out. */
static void consume_one_twice(int ms) {
    join();
    take(&b->full); take(&b->mutex); give(&b->mutex); give(&b->empty);
    for (;; usleep(1000 * ms)) get_any();
}
static void stale_out(void) { spawn("producer", produce_any, 100); spawn("consumer", consume_one_twice, 120); }
/* A post too many; the ring is half full all the time, so that neither semaphore shows it alone. */
static void consume_and_post_twice(int ms) {
    join();
    for (int value = 0; value < 3; usleep(1000)) sem_getvalue(&b->full, &value);
    get_any();
    give(&b->empty);
    for (;; usleep(1000 * ms)) get_any();
}
static void extra_half(void) { spawn("producer", produce_any, 100); spawn("consumer", consume_and_post_twice, 100); }
/* The consumer is built with another N, of which the struct has the same size. */
typedef struct { int data[N + 1]; int in, out; sem_t mutex, empty, full; } Other;
static void consume_other(int ms) {
    Other *o = opened(name, sizeof *o, PROT_READ | PROT_WRITE);
    for (;; usleep(1000 * ms)) {
        take(&o->full); take(&o->mutex); o->out = (o->out + 1) % (N + 1); give(&o->mutex); give(&o->empty);
    }
}
static void two_headers(void) { spawn("producer", produce_any, 100); spawn("consumer", consume_other, 170); }

/* The consumer reduces its index by another number. */
static void consume_by_four(int ms) {
    for (join();; usleep(1000 * ms)) { take(&b->full); take(&b->mutex); b->out = (b->out + 1) % (N - 1); give(&b->mutex); give(&b->empty); }
}
static void other_modulus(void) { spawn("producer", produce_any, 200); spawn("consumer", consume_by_four, 200); }
/* Each fourth post goes to the wrong semaphore. */
static void produce_and_mispost(int ms) {
    join();
    for (int i = 0;; i++, usleep(1000 * ms)) { take(&b->empty); take(&b->mutex); insert(0); give(&b->mutex); give(i % 4 ? &b->full : &b->empty); }
}
static void wrong_post(void) { spawn("producer", produce_and_mispost, 60); spawn("consumer", consume_any, 70); }
/* Who needs the lock waits for a dead holder for ever; the others need none. */
static void hold_and_die(int ms) { join(); take(&b->mutex); raise(SIGKILL); }
static void administer(int ms) { join(); take(&b->mutex); for (;;) pause(); }
static void produce_free(int ms) { for (join();; usleep(1000 * ms)) { take(&b->empty); insert(0); give(&b->full); } }
static void consume_free(int ms) { for (join();; usleep(1000 * ms)) { take(&b->full); extract(); give(&b->empty); } }
static void dead_beside_flow(void) {
    waitpid(spawn("holder", hold_and_die, 0), NULL, 0);
    spawn("producer", produce_free, 100); spawn("consumer", consume_free, 100); spawn("admin", administer, 0);
}
/* full is initialised once more while one sleeps on it, who is then counted no more; another polls on. */
static void consume_looking(int ms) {
    for (join();; usleep(1000 * ms)) { while (sem_trywait(&b->full)) usleep(5000); take(&b->mutex); extract(); give(&b->mutex); give(&b->empty); }
}
static void uncounted_beside_flow(void) {
    spawn("sleeper", consume_any, 0);
    while (!((unsigned *)&b->full)[1]) usleep(1000);    /* until it is counted */
    usleep(50000);
    sem_init(&b->full, 1, 0);
    spawn("poller", consume_looking, 20); spawn("producer", produce_any, 150);
}

/* The one consumer is killed, between two items or inside. Others look again and again for a permit, or
   are there and have no part in it. */
static void die_between(int ms) { for (join(); !hurried(); usleep(1000 * ms)) get_any(); raise(SIGKILL); }
static void die_inside(int ms) {
    for (join(); !hurried(); usleep(1000 * ms)) get_any();
    take(&b->full); take(&b->mutex);
    raise(SIGKILL);
}
static void look_for(sem_t *s) { while (sem_trywait(s)) usleep(20000); }
static void produce_looking(int ms) {
    for (join();; usleep(1000 * ms)) { look_for(&b->empty); look_for(&b->mutex); insert(0); give(&b->mutex); give(&b->full); }
}
static void idle(int number) { for (join();;) pause(); }
static void dies_among_pollers(void) { spawn("monitor", idle, 0); spawn("producer", produce_looking, 100); spawn("consumer", die_inside, 100); }
static void leaves_a_poller(void) { spawn("producer", produce_looking, 10); spawn("consumer", die_between, 100); }
static void dies_as_the_only_consumer(void) { spawn("monitor", idle, 0); spawn("producer", produce_any, 100); spawn("consumer", die_between, 100); }

/* The consumer ends up where nothing but somebody else's will brings it back. */
static void consume_and_stop(int ms) { for (join(); !hurried(); usleep(1000 * ms)) get_any(); for (;;) raise(SIGSTOP); }
static void consume_and_pause(int ms) { for (join(); !hurried(); usleep(1000 * ms)) get_any(); for (;;) pause(); }
static void consumer_stops(void) { spawn("producer", produce_any, 40); spawn("consumer", consume_and_stop, 30); }
static void consumer_pauses(void) { spawn("producer", produce_any, 40); spawn("consumer", consume_and_pause, 30); }

/* A child takes the lock and lets go of the segment at once, and somebody else is killed elsewhere
   meanwhile: he is not the holder. The child lives, and knows the segment by its name. */
static pid_t victim;
static void take_no_orders(void) { signal(SIGUSR1, SIG_DFL); join(); }
static void die_elsewhere(int number) { for (take_no_orders();;) pause(); }
static void holds_unseen(int number) { take(&b->empty); take(&b->mutex); leave(); for (;;) pause(); }
static void fork_holder(int ms) {
    for (take_no_orders(); !hurried(); usleep(1000 * ms)) put_any();
    if (!fork()) { prctl(PR_SET_PDEATHSIG, SIGKILL); holds_unseen(0); }
    kill(victim, SIGKILL);
    for (;; usleep(1000 * ms)) put_any();
}
static void consume_on(int ms) { for (take_no_orders();; usleep(1000 * ms)) get_any(); }
static void forked_away(void) {
    put_any(); put_any();
    victim = spawn("victim", die_elsewhere, 0);
    spawn("producer", fork_holder, 200); spawn("consumer", consume_on, 200);
}

/* He dies with the lock while all others can only wait for it. */
static void hold_inside(int ms) {
    for (take_no_orders(); !hurried(); usleep(1000 * ms)) put_any();
    take(&b->empty); take(&b->mutex); raise(SIGKILL);
}
static void produce_on(int ms) { for (take_no_orders();; usleep(1000 * ms)) { put_any(); usleep(1000 * ms); } }
static void consume_twice(int ms) { for (take_no_orders();; usleep(1000 * ms)) get_any(); }
static void dies_among_waiters(void) {
    put_any(); put_any();
    spawn("producer", hold_inside, 400); spawn("producer", produce_on, 200); spawn("consumer", consume_twice, 200);
}

#define MODE(mode) {#mode, mode}
static const struct { const char *name; void (*run)(void); } MODES[] = {
    MODE(restarted), MODE(stale_out), MODE(extra_half), MODE(two_headers), MODE(dies_among_pollers),
    MODE(dies_as_the_only_consumer), MODE(leaves_a_poller), MODE(other_modulus), MODE(wrong_post), MODE(dead_beside_flow),
    MODE(uncounted_beside_flow), MODE(consumer_stops), MODE(consumer_pauses), MODE(forked_away), MODE(dies_among_waiters),
};

int main(int argc, char **argv) {
    make_buffer(argv[2]);
    for (size_t i = 0; i < sizeof MODES / sizeof MODES[0]; i++) if (!strcmp(argv[1], MODES[i].name)) {
        struct sigaction fire = {.sa_handler = on_hurry};
        sigaction(SIGUSR1, &fire, NULL);
        MODES[i].run();
        let_go();
        puts("ready");
        while (!asked_to_hurry) usleep(20000);
        if (write(starting_gun[1], "", 1) != 1) return 3;
        for (;;) pause();
    }
    return 2;
}
