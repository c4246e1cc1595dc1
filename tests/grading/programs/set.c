/* Parent and child count by turns over a System V set, which stays where REMOVES is not defined. */
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/sem.h>
#include <sys/wait.h>
#include <unistd.h>

int main(void)
{
    int set = semget(IPC_PRIVATE, 1, IPC_CREAT | 0600);
    struct sembuf post = {0, 1, 0}, wait_for_it = {0, -1, 0};
    if (!fork()) {
        for (int i = 0; i < 3; i++)
            semop(set, &post, 1);
        exit(0);
    }
    for (int i = 0; i < 3; i++)
        semop(set, &wait_for_it, 1);
    wait(0);
#ifdef REMOVES
    semctl(set, 0, IPC_RMID);
#endif
    return 0;
}
