/* files MODE NAME: healthy programs whose segment's file is made, resized, replaced or locked while they run. */
#include "zoo.h"
#include <sys/file.h>

static const char *name;

static int file(int flags) {
    int fd = shm_open(name, O_RDWR | flags, 0600);
    if (fd < 0) damage("shm_open: %s", strerror(errno));
    return fd;
}
static void resize(int fd, size_t size) { if (ftruncate(fd, size)) damage("ftruncate: %s", strerror(errno)); }

/* A ring whose capacity is told by a member. */
typedef struct { int capacity, in, out; sem_t mutex, empty, full; atomic_int ready; int data[]; } Ring;
#define MOST 1000
#define SIZE(capacity) (sizeof(Ring) + (capacity) * sizeof(int))

static Ring *r;

static Ring *mapped(int fd) {
    Ring *ring = mmap(NULL, SIZE(MOST), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (ring == MAP_FAILED) damage("mmap: %s", strerror(errno));
    return ring;
}
static void prepare(int capacity) {
    r->capacity = capacity;
    sem_init(&r->mutex, 1, 1); sem_init(&r->empty, 1, capacity); sem_init(&r->full, 1, 0);
    r->ready = 1;
}
static void put(int item) {
    take(&r->empty); take(&r->mutex);
    r->data[r->in] = item; r->in = (r->in + 1) % r->capacity;
    give(&r->mutex); give(&r->full);
}
static int get(void) {
    take(&r->full); take(&r->mutex);
    int item = r->data[r->out]; r->out = (r->out + 1) % r->capacity;
    give(&r->mutex); give(&r->empty);
    return item;
}

/* The file has no bytes and is never mapped: it is a lock. */
static void work_locked(int number) {
    for (;; nap(300)) {
        int fd = file(0);
        flock(fd, LOCK_EX);
        got(make(0));
        nap(1500);
        close(fd);
    }
}
static void flock_file(void) { close(file(O_CREAT | O_EXCL)); hire(work_locked, 1, work_locked, 1); }
/* Its creator takes its time before it calls ftruncate. */
static void size_late(int number) {
    int fd = file(0);
    rest();
    resize(fd, SIZE(8));
    r = mapped(fd);
    prepare(8);
    for (;; nap(1)) { put(make(0)); got(get()); }
}
static void slow_truncate(void) { close(file(O_CREAT | O_EXCL)); spawn("creator", size_late, 0); }
/* A new segment of that name after every ten items; the old one is used up by then. */
#define LAST (-1)
static void new_generation(void) {
    shm_unlink(name);
    int fd = file(O_CREAT | O_EXCL);
    resize(fd, SIZE(5));
    r = mapped(fd);
    close(fd);
    prepare(5);
}
static void produce_generations(int number) {
    for (;; munmap(r, SIZE(MOST))) {
        new_generation();
        for (int i = 0; i < 10; i++) { put(make(number)); nap(150); }
        put(LAST);
    }
}
/* Whether another generation than that file is ready; it is mapped then. */
static int next_generation(ino_t *seen) {
    struct stat stat;
    int fd = shm_open(name, O_RDWR, 0), found = 0;
    if (fd < 0) return 0;
    if (!fstat(fd, &stat) && stat.st_size == SIZE(5) && stat.st_ino != *seen) {
        r = mapped(fd);
        found = r->ready;
        if (found) *seen = stat.st_ino;
        else munmap(r, SIZE(MOST));
    }
    close(fd);
    return found;
}
static void consume_generations(int number) {
    for (ino_t seen = 0;; munmap(r, SIZE(MOST))) {
        while (!next_generation(&seen)) nap(20);
        for (int item; (item = get()) != LAST; nap(50)) got(item);
        nap(1000);
    }
}
static void rotating(void) { hire(produce_generations, 1, consume_generations, 1); while (!tally->made[0]) usleep(1000); }
/* The consumer makes the ring larger and smaller, and the file with it, once it has all permits. */
static void change_capacity(int fd, int capacity) {
    for (int mine = 0; mine < r->capacity;)
        if (!sem_trywait(&r->empty)) mine++;
        else got(get());
    take(&r->mutex);
    r->in = r->out = 0;
    r->capacity = capacity;
    resize(fd, SIZE(capacity));
    give(&r->mutex);
    for (int i = 0; i < capacity; i++) give(&r->empty);
}
static void produce_resized(int number) { for (r = mapped(file(0));; nap(100)) put(make(number)); }
static void consume_resized(int number) {
    int fd = file(0);
    r = mapped(fd);
    for (int i = 0;; i++) {
        got(get());
        if (i % 10 == 9) change_capacity(fd, r->capacity == 8 ? MOST : 8);
    }
}
static void resizing(void) {
    int fd = file(O_CREAT | O_EXCL);
    resize(fd, SIZE(MOST));
    r = mapped(fd);
    close(fd);
    prepare(MOST);
    munmap(r, SIZE(MOST));
    hire(produce_resized, 1, consume_resized, 1);
}

#define MODE(mode) {#mode, mode}
static const Mode MODES[] = {
    MODE(flock_file), MODE(slow_truncate), MODE(rotating), MODE(resizing),
};

int main(int argc, char **argv) {
    start_keeper();
    name = argv[2];
    return keep_mode(MODES, sizeof MODES / sizeof MODES[0], argv[1]);
}
