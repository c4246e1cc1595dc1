/* One shared thing of each kind, then "ready", then until stdin ends. objects NAME CHILDREN
 *
 * Each line before tells what was made: KIND NUMBER BYTES TOUCHED, where NUMBER is its inode or id.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <mqueue.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096UL

static void tell(const char *kind, unsigned long number, unsigned long size, unsigned long touched)
{
    printf("%s %lu %lu %lu\n", kind, number, size, touched);
}

static unsigned long inode_of(int fd)
{
    struct stat status;
    fstat(fd, &status);
    return status.st_ino;
}

static char *map(int fd, unsigned long size, unsigned long touched)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0),
                    fd, 0);
    if (at == MAP_FAILED)
        exit(3);
    for (unsigned long byte = 0; byte < touched; byte += PAGE)
        at[byte] = 1;
    return at;
}

int main(int count, char **words)
{
    char name[200], old[220], queue[220];
    snprintf(name, sizeof name, "/%s", words[1]);
    snprintf(old, sizeof old, "/%s-old", words[1]);
    snprintf(queue, sizeof queue, "/%s-q", words[1]);
    int children = count > 2 ? atoi(words[2]) : 0;

    int fd = shm_open(name, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, 10 * PAGE))
        return 3;
    map(fd, 10 * PAGE, 3 * PAGE);
    tell("posix", inode_of(fd), 10 * PAGE, 3 * PAGE);
    close(fd);

    fd = shm_open(old, O_CREAT | O_EXCL | O_RDWR, 0600);
    if (fd < 0 || ftruncate(fd, 7 * PAGE))
        return 3;
    map(fd, 7 * PAGE, 2 * PAGE);
    shm_unlink(old);
    tell("unlinked", inode_of(fd), 7 * PAGE, 2 * PAGE);
    close(fd);

    fd = memfd_create(words[1], 0);
    if (fd < 0 || ftruncate(fd, 5 * PAGE))
        return 3;
    map(fd, 5 * PAGE, 4 * PAGE);
    tell("memfd", inode_of(fd), 5 * PAGE, 4 * PAGE);
    fd = memfd_create("only-open", 0);
    if (fd < 0 || ftruncate(fd, 6 * PAGE))
        return 3;
    map(fd, 6 * PAGE, 6 * PAGE);
    munmap(map(fd, 6 * PAGE, 0), 6 * PAGE);
    tell("opened", inode_of(fd), 6 * PAGE, 6 * PAGE);

    map(-1, 20 * PAGE, 11 * PAGE);
    tell("anon", 0, 20 * PAGE, 11 * PAGE);

    int id = shmget(IPC_PRIVATE, 9 * PAGE, 0600 | IPC_CREAT);
    char *at = shmat(id, NULL, 0);
    for (int page = 0; page < 5; page++)
        at[page * PAGE] = 1;
    tell("sysv", (unsigned long)id, 9 * PAGE, 5 * PAGE);
    int lost = shmget(IPC_PRIVATE, 3 * PAGE, 0640 | IPC_CREAT);
    tell("lost", (unsigned long)lost, 3 * PAGE, 0);

    sem_t *semaphore = sem_open(name, O_CREAT | O_EXCL, 0600, 3);
    if (semaphore == SEM_FAILED)
        return 3;
    tell("sem", 3, 32, PAGE);

    int set = semget(IPC_PRIVATE, 3, 0600 | IPC_CREAT);
    struct sembuf add = {1, 4, 0};
    semop(set, &add, 1);
    tell("semset", (unsigned long)set, 3, 0);

    int messages = msgget(IPC_PRIVATE, 0600 | IPC_CREAT);
    struct { long type; char text[10]; } message = {1, "hello"};
    msgsnd(messages, &message, 10, 0);
    tell("msgqueue", (unsigned long)messages, 10, 1);

    mqd_t posted = mq_open(queue, O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK, 0600, NULL);
    if (posted != (mqd_t)-1)
        mq_send(posted, "hello", 5, 0);
    tell("mqueue", posted == (mqd_t)-1 ? 0 : inode_of(posted), 5, 1);

    pid_t parent = getpid();
    for (int child = 0; child < children; child++)
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            close(1);
            while (getppid() == parent)
                pause();
        }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    shm_unlink(name);
    sem_unlink(name);
    mq_unlink(queue);
    shmctl(id, IPC_RMID, NULL);
    shmctl(lost, IPC_RMID, NULL);
    semctl(set, 0, IPC_RMID);
    msgctl(messages, IPC_RMID, NULL);
    return 0;
}
