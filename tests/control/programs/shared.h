/* What the programs have in common: a segment by the name in $EXPLORED, and mistakes by their arguments. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SLOTS
#define SLOTS 4
#endif

static char **given;

static int has(const char *word)
{
    for (char **each = given; *each; each++)
        if (!strcmp(*each, word))
            return 1;
    return 0;
}

static const char *name_of_segment(void)
{
    static char path[64];
    snprintf(path, sizeof path, "/dev/shm%s", getenv("EXPLORED"));
    return path;
}

static void *map_shared(unsigned long size)
{
    int file = shm_open(getenv("EXPLORED"), O_CREAT | O_RDWR, 0600);
    if (file < 0 || ftruncate(file, size))
        exit(3);
    return mmap(0, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}
