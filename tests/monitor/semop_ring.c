/* The exercise over System V: shmget, shmat, and a set of semget with semop. semop_ring WHAT [ORDER] [SHM]:
 * WHAT is pair, full (nobody consumes), empty (nobody produces), dies (the producer, inside, behind item
 * 7) or unset (nobody calls semctl). ORDER: which number is mutex, empty and full: 012 unless told. SHM:
 * a name for shm_open(3), where the memory is to have one. Prints the two numbers and the PIDs.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>
#define N 5
typedef struct { int items[N]; int in, out; } Ring;
static Ring *ring;
static int set, mutex, empty, full;
static void change(int number, int by) { struct sembuf one = {number, by, 0}; while (semop(set, &one, 1)); }
static void work(int eats, int dies) {
    for (int i = 0;; i++) {
        change(eats ? full : empty, -1);
        change(mutex, -1);
        if (dies && i == 7) raise(SIGKILL);
        if (eats) ring->out = (ring->out + 1) % N;
        else { ring->items[ring->in] = i; ring->in = (ring->in + 1) % N; }
        change(mutex, 1);
        change(eats ? empty : full, 1);
        usleep(eats ? 40000 : 30000);
    }
}
static pid_t child(int eats, int dies) {
    pid_t pid = fork();
    if (pid) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(eats, dies);
    return 0;
}
int main(int count, char **words) {
    const char *what = words[1], *order = count > 2 ? words[2] : "012";
    mutex = order[0] - '0'; empty = order[1] - '0'; full = order[2] - '0';
    int id = -1;
    if (count > 3) {
        int fd = shm_open(words[3], O_CREAT | O_RDWR, 0600);
        if (ftruncate(fd, sizeof *ring)) return 3;
        ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
    } else {
        id = shmget(IPC_PRIVATE, sizeof *ring, 0600 | IPC_CREAT);
        ring = shmat(id, NULL, 0);
    }
    set = semget(IPC_PRIVATE, 3, 0600 | IPC_CREAT);
    if (strcmp(what, "unset")) {
        semctl(set, mutex, SETVAL, 1);
        semctl(set, empty, SETVAL, N);
        semctl(set, full, SETVAL, 0);
    }
    pid_t consumer = strcmp(what, "full") ? child(1, 0) : 0;
    pid_t producer = strcmp(what, "empty") ? child(0, !strcmp(what, "dies")) : 0;
    if (id >= 0) { shmdt(ring); shmctl(id, IPC_RMID, NULL); } else munmap(ring, sizeof *ring);
    printf("%d %d %d %d\n", id, set, producer, consumer);
    fflush(stdout);
    while (getchar() != EOF);
    semctl(set, 0, IPC_RMID);
    return 0;
}
