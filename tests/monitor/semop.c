/* A System V set of two semaphores: a child waits for the first to grow by 2, another for the second
 * to be 0, and a third takes what there is of the first and ends. semop [undo]
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t child(int set, int number, int change, int flags)
{
    pid_t parent = getpid(), pid = fork();
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    struct sembuf operation = {number, change, flags};
    while (getppid() == parent && semop(set, &operation, 1))
        ;
    _exit(0);
}

int main(int count, char **words)
{
    int set = semget(IPC_PRIVATE, 2, 0600 | IPC_CREAT);
    struct sembuf add[2] = {{0, 1, 0}, {1, 3, 0}};
    if (semop(set, add, 2))
        return 3;
    pid_t taker = child(set, 0, -1, count > 1 ? SEM_UNDO : 0);
    waitpid(taker, NULL, 0);
    pid_t first = child(set, 0, -2, SEM_UNDO), second = child(set, 1, 0, 0);
    printf("%d %d %d %d\n", set, taker, first, second);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    semctl(set, 0, IPC_RMID);
    return 0;
}
