/* The structs of shapes.c, one a SHAPE, and how items go in and out. */
#include <semaphore.h>
#include <stdint.h>

#define COUNTERS 1       /* counters that are never reduced, moved under the lock */
#define COUNTERS_AFTER 2 /* the same, moved after the posts */
#define REDUCED_BEFORE 3 /* an index is reduced before it is used: N at rest */
#define HEAD_IN 4        /* put at head, take at tail */
#define TAIL_IN 5        /* put at tail, take at head */
#define REAR 6           /* rear is the last item, front the next one */
#define BOTH_BEFORE 7    /* both indices stand before the place that is used next */
#define LAST_IN 8        /* a stack; in and out are never used */
#define SMALLER 9        /* the capacity is smaller than the array */
#define TWO_RINGS 10
#define COUNTED 11       /* a count of the items beside the indices */
#define ONE_LOCK 12      /* one semaphore as lock; who cannot go on looks again later */
#define RECORDS 13       /* items of 48 bytes, long indices, semaphores first */
#define DOWNWARDS 14     /* the indices go down */
#define ONE_SLOT_FREE 15 /* at most N - 1 items */

#define BYTE_OFFSETS 16  /* in and out count bytes */
#define COUNTERS_WRAP 17 /* counters of 32 bits, at their end */
#define COUNTERS_BYTE 18 /* counters of 8 bits, which begin anew every 256 items */
#define COUNTERS_LONG 19 /* counters of 64 bits, past what fits into 32; N is no power of two */

#ifndef CELLS
#define CELLS 8
#endif
#define RINGS 1
#define RING(s, number) (s)
#define START(r)

#if SHAPE == COUNTERS
typedef struct { int data[CELLS]; unsigned head, tail; sem_t mutex, empty, full; } Ring;
#define PUT(r, item) ((r)->data[(r)->head++ % CELLS] = (item))
#define GET(r) ((r)->data[(r)->tail++ % CELLS])
#elif SHAPE == COUNTERS_WRAP || SHAPE == COUNTERS_BYTE || SHAPE == COUNTERS_LONG
#if SHAPE == COUNTERS_WRAP
typedef uint32_t Counter;
#define FIRST 0xfffffff0u
#elif SHAPE == COUNTERS_BYTE
typedef uint8_t Counter;
#define FIRST 0
#else
typedef uint64_t Counter;
#define FIRST 0xfffffffcull
#undef CELLS
#define CELLS 6
#endif
typedef struct { int data[CELLS]; Counter head, tail; sem_t mutex, empty, full; } Ring;
#undef START
#define START(r) ((r)->head = (r)->tail = FIRST)
#define PUT(r, item) ((r)->data[(r)->head++ % CELLS] = (item))
#define GET(r) ((r)->data[(r)->tail++ % CELLS])
#elif SHAPE == COUNTERS_AFTER
typedef struct { int data[CELLS]; unsigned head, tail; sem_t mutex, free_slots, used_slots; } Ring;
#define EMPTY(r) (&(r)->free_slots)
#define FULL(r) (&(r)->used_slots)
#define MUTEX(r) (&(r)->mutex)
#define PUT(r, item) ((r)->data[(r)->head % CELLS] = (item))
#define GET(r) ((r)->data[(r)->tail % CELLS])
#define AFTER_PUT(r) (nap(2), (r)->head++)
#define AFTER_GET(r) (nap(2), (r)->tail++)
#elif SHAPE == REDUCED_BEFORE
typedef struct { int data[CELLS]; int in, out; sem_t mutex, empty, full; } Ring;
#define PUT(r, item) ((r)->in %= CELLS, (r)->data[(r)->in++] = (item))
#define GET(r) ((r)->out %= CELLS, (r)->data[(r)->out++])
#elif SHAPE == HEAD_IN
typedef struct { int buffer[CELLS]; int head, tail; sem_t lock, spaces, items; } Ring;
#define MUTEX(r) (&(r)->lock)
#define EMPTY(r) (&(r)->spaces)
#define FULL(r) (&(r)->items)
#define PUT(r, item) ((r)->buffer[(r)->head] = (item), (r)->head = ((r)->head + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->buffer[r->tail]; r->tail = (r->tail + 1) % CELLS; return item; }
#elif SHAPE == TAIL_IN
typedef struct { int items[CELLS]; int head, tail; sem_t mutex, empty, full; } Ring;
#define PUT(r, item) ((r)->items[(r)->tail] = (item), (r)->tail = ((r)->tail + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->items[r->head]; r->head = (r->head + 1) % CELLS; return item; }
#elif SHAPE == REAR
typedef struct { int data[CELLS]; int front, rear; sem_t mutex, empty, full; } Ring;
#undef START
#define START(r) ((r)->rear = CELLS - 1)
#define PUT(r, item) ((r)->rear = ((r)->rear + 1) % CELLS, (r)->data[(r)->rear] = (item))
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->front]; r->front = (r->front + 1) % CELLS; return item; }
#elif SHAPE == BOTH_BEFORE
typedef struct { int data[CELLS]; int front, rear; sem_t mutex, empty, full; } Ring;
#undef START
#define START(r) ((r)->front = (r)->rear = -1)
#define PUT(r, item) ((r)->rear = ((r)->rear + 1) % CELLS, (r)->data[(r)->rear] = (item))
#define GET(r) ((r)->front = ((r)->front + 1) % CELLS, (r)->data[(r)->front])
#elif SHAPE == LAST_IN
typedef struct { int data[CELLS]; int in, out; int top; sem_t mutex, empty, full; } Ring;
#define STACK
#define PUT(r, item) ((r)->data[(r)->top++] = (item))
#define GET(r) ((r)->data[--(r)->top])
#elif SHAPE == SMALLER
typedef struct { int capacity; int data[64]; int in, out; sem_t mutex, empty, full; } Ring;
#undef START
#define START(r) ((r)->capacity = 6)
#define FREE 6
#define PUT(r, item) ((r)->data[(r)->in] = (item), (r)->in = ((r)->in + 1) % (r)->capacity)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + 1) % r->capacity; return item; }
#elif SHAPE == TWO_RINGS
typedef struct { int data[CELLS]; int in, out; sem_t mutex, empty, full; } Ring;
typedef struct { int version; Ring rings[2]; } Segment;
#define HAS_SEGMENT
#undef RINGS
#undef RING
#define RINGS 2
#define RING(s, number) (&(s)->rings[number])
#define PUT(r, item) ((r)->data[(r)->in] = (item), (r)->in = ((r)->in + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + 1) % CELLS; return item; }
#elif SHAPE == COUNTED
typedef struct { int data[CELLS]; int in, out, count; sem_t mutex, empty, full; } Ring;
#define PUT(r, item) ((r)->count++, (r)->data[(r)->in] = (item), (r)->in = ((r)->in + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + 1) % CELLS; r->count--; return item; }
#elif SHAPE == ONE_LOCK
typedef struct { int data[CELLS]; int in, out, count; sem_t lock; } Ring;
#define LOCK_ONLY
#define MUTEX(r) (&(r)->lock)
#define IS_FULL(r) ((r)->count == CELLS)
#define IS_EMPTY(r) ((r)->count == 0)
#define PUT(r, item) ((r)->count++, (r)->data[(r)->in] = (item), (r)->in = ((r)->in + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + 1) % CELLS; r->count--; return item; }
#elif SHAPE == RECORDS
typedef struct { int64_t id; char text[32]; double price; } Record;
typedef struct { sem_t full, empty, mutex; uint64_t in, out; Record data[CELLS]; } Ring;
#define PUT(r, item) ((r)->data[(r)->in] = (Record){(item), "order", 1.5}, (r)->in = ((r)->in + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = (int)r->data[r->out].id; r->out = (r->out + 1) % CELLS; return item; }
#elif SHAPE == DOWNWARDS
typedef struct { int data[CELLS]; int in, out; sem_t mutex, empty, full; } Ring;
#define PUT(r, item) ((r)->data[(r)->in] = (item), (r)->in = ((r)->in + CELLS - 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + CELLS - 1) % CELLS; return item; }
#elif SHAPE == ONE_SLOT_FREE
typedef struct { int data[CELLS]; int in, out; sem_t mutex, empty, full; } Ring;
#define FREE (CELLS - 1)
#define PUT(r, item) ((r)->data[(r)->in] = (item), (r)->in = ((r)->in + 1) % CELLS)
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = r->data[r->out]; r->out = (r->out + 1) % CELLS; return item; }
#elif SHAPE == BYTE_OFFSETS
typedef struct { int data[CELLS]; int in, out; sem_t mutex, empty, full; } Ring;
#define CELL(r, at) (*(int *)((char *)(r)->data + (at)))
#define PUT(r, item) (CELL(r, (r)->in) = (item), (r)->in = ((r)->in + 4) % (4 * CELLS))
#define GET(r) take_at(r)
static inline int take_at(Ring *r) { int item = CELL(r, r->out); r->out = (r->out + 4) % (4 * CELLS); return item; }
#endif

#ifndef HAS_SEGMENT
typedef Ring Segment;
#endif
