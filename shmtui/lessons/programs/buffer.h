#include <semaphore.h>

#define SLOTS 5
#ifndef SEGMENT
#define SEGMENT "/shm_buffer"
#endif

typedef struct {
    int data[SLOTS];
    int in, out;
    sem_t mutex, empty, full;
} Buffer;
