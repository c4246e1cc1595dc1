/* Leaves a System V segment behind, in the exercise's layout with two items and three untouched pages:
   MODE (octal) [stay]. Prints its number. */
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <unistd.h>
typedef struct {
    int data[5];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;
int main(int argc, char **argv) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    int id = shmget(IPC_PRIVATE, 5 * 4096, IPC_CREAT | strtol(argv[1], NULL, 8));
    Buffer *b = shmat(id, NULL, 0);
    sem_init(&b->mutex, 1, 1);
    sem_init(&b->empty, 1, 3);
    sem_init(&b->full, 1, 2);
    b->data[0] = 7, b->data[1] = 8, b->in = 2;
    ((char *)b)[3 * 4096 + 5] = 9;
    printf("%d\n", id);
    fflush(stdout);
    if (argc > 2)
        pause();
    return 0;
}
