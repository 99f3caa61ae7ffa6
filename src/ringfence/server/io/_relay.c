/* The commonest moment of a TFTP server, without the interpreter: the awaited ACK comes, the next block goes.
 *
 * A Relay waits on an epoll descriptor. Most of what wakes it is an ACK on a lock-step transfer's own socket; where it
 * is the very one that the transfer's Sender awaits, and the next block is made already, this module does what
 * Sender.advance and Transfer do in Python, on the Sender's own attributes, and sends the block. All else (another
 * datagram, a block that is not made yet, a fault of the network, another descriptor) goes to Python as it would
 * without this module. So there is no state here that could differ from Python's, and no byte of a stranger's is looked
 * at beyond a comparison with the four that were awaited.
 *
 * ringfence.server.io.relay has the same in Python, and chooses.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { EVENTS = 256, LONGEST_DATAGRAM = 128, SLEEPS_AFTER_VAIN_SPIN = 32 };
static const double SPIN_S = 60e-6, LONGEST_POLL_S = 10e-3;

/* The attributes of a Sender that an awaited ACK changes; all are __slots__, so each has a fixed place. */
enum { ADVANCE_ON, FLIGHT, FLIGHTS, ACKNOWLEDGEMENTS, INDEX, LOOKS_FIRST, SENT_AT, SLOTS };
static const char *const SLOT_NAMES[SLOTS] = {"_advance_on", "_flight", "_flights", "_acknowledgements", "_index",
                                              "_looks_first", "_sent_at"};

typedef struct {
    PyObject *sender, *on_datagram, *on_fault; /* all NULL where the descriptor is not carried */
} Carried;

typedef struct {
    PyObject_HEAD
    int epoll_fd, sleeps;
    PyTypeObject *sender_type;
    Py_ssize_t slots[SLOTS];
    Carried *carried; /* by descriptor */
    int room;
} Relay;

static double now_s(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t); /* what time.monotonic reads */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static PyObject **slot(Relay *self, PyObject *sender, int which) {
    return (PyObject **)((char *)sender + self->slots[which]);
}

static void put(PyObject **place, PyObject *value) { /* takes the reference over */
    PyObject *old = *place;
    *place = value;
    Py_XDECREF(old);
}

static int find_slots(Relay *self, PyTypeObject *type) {
    for (int i = 0; i < SLOTS; i++) {
        PyObject *found = PyObject_GetAttrString((PyObject *)type, SLOT_NAMES[i]);
        if (!found) return -1;
        int is_member = Py_IS_TYPE(found, &PyMemberDescr_Type);
        if (is_member) self->slots[i] = ((PyMemberDescrObject *)found)->d_member->offset;
        Py_DECREF(found);
        if (!is_member) {
            PyErr_Format(PyExc_TypeError, "%s is not one of the sender's __slots__", SLOT_NAMES[i]);
            return -1;
        }
    }
    return 0;
}

/* Do what Sender.advance does, where that is no more than to take the next block; give the block, borrowed, or NULL. */
static PyObject *advance(Relay *self, PyObject *sender, const char *datagram, Py_ssize_t length, PyObject *now) {
    PyObject *awaited = *slot(self, sender, ADVANCE_ON), *flights = *slot(self, sender, FLIGHTS),
             *acknowledgements = *slot(self, sender, ACKNOWLEDGEMENTS), *index_is = *slot(self, sender, INDEX),
             *looks_first = *slot(self, sender, LOOKS_FIRST);
    if (!awaited || !PyBytes_CheckExact(awaited) || PyBytes_GET_SIZE(awaited) != length ||
        memcmp(PyBytes_AS_STRING(awaited), datagram, (size_t)length) != 0)
        return NULL;
    if (!flights || !PyList_CheckExact(flights) || !acknowledgements || !PyList_CheckExact(acknowledgements) ||
        !index_is || !PyLong_CheckExact(index_is) || looks_first != Py_False)
        return NULL;
    Py_ssize_t index = PyLong_AsSsize_t(index_is);
    if (index == -1 && PyErr_Occurred()) PyErr_Clear();
    if (index < 0 || index >= PyList_GET_SIZE(flights) || index >= PyList_GET_SIZE(acknowledgements))
        return NULL;
    PyObject *flight = PyList_GET_ITEM(flights, index);
    if (!PyBytes_CheckExact(flight)) return NULL;
    PyObject *next_index = PyLong_FromSsize_t(index + 1);
    if (!next_index) {
        PyErr_Clear(); /* Python's way runs out of memory, and says so */
        return NULL;
    }
    put(slot(self, sender, INDEX), next_index);
    put(slot(self, sender, SENT_AT), Py_NewRef(now));
    put(slot(self, sender, FLIGHT), Py_NewRef(flight));
    put(slot(self, sender, ADVANCE_ON), Py_NewRef(PyList_GET_ITEM(acknowledgements, index)));
    return flight; /* _flight holds it */
}

static int call(PyObject *callback, PyObject *argument, PyObject *now) { /* takes the argument over */
    PyObject *done = argument ? PyObject_CallFunctionObjArgs(callback, argument, now, NULL) : NULL;
    Py_XDECREF(argument), Py_XDECREF(done);
    return done ? 0 : -1;
}

static int tell_fault(PyObject *on_fault, PyObject *now) {
    PyErr_SetFromErrno(PyExc_OSError);
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    Py_XDECREF(type), Py_XDECREF(trace);
    return call(on_fault, value, now);
}

/* Take one datagram of a carried descriptor: 0, or 1 where Python took it, or -1 where Python raised an exception. */
static int relay_one(Relay *self, int fd, PyObject *now) {
    char datagram[LONGEST_DATAGRAM];
    ssize_t length = recv(fd, datagram, sizeof datagram, 0);
    Carried *one = &self->carried[fd];
    if (length >= 0) {
        PyObject *flight = advance(self, one->sender, datagram, length, now);
        if (flight && send(fd, PyBytes_AS_STRING(flight), (size_t)PyBytes_GET_SIZE(flight), 0) >= 0) return 0;
        if (!flight) {
            PyObject *callback = Py_NewRef(one->on_datagram); /* it may give the descriptor up */
            int result = call(callback, PyBytes_FromStringAndSize(datagram, length), now);
            Py_DECREF(callback);
            return result ? result : 1;
        }
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0; /* all taken; or no room: the timer repeats */
    PyObject *callback = Py_NewRef(one->on_fault);
    int result = tell_fault(callback, now);
    Py_DECREF(callback);
    return result ? result : 1;
}

/* Look what is ready, for a short while if that was worth it lately. See relay.PureRelay. */
static int glance(Relay *self, struct epoll_event *events) {
    if (self->sleeps) {
        self->sleeps--;
        return epoll_wait(self->epoll_fd, events, EVENTS, 0);
    }
    int ready;
    double until = now_s() + SPIN_S;
    do ready = epoll_wait(self->epoll_fd, events, EVENTS, 0);
    while (ready == 0 && now_s() < until);
    if (ready == 0) self->sleeps = SLEEPS_AFTER_VAIN_SPIN;
    return ready;
}

static int wait_for(Relay *self, struct epoll_event *events, double timeout_s) {
    int ready = glance(self, events);
    if (ready == 0) {
        double begun = now_s();
        double milliseconds = timeout_s * 1e3;
        int timeout_ms = milliseconds <= 0 ? 0 : milliseconds > 1e6 ? 1000000 : (int)milliseconds;
        if (timeout_ms < milliseconds) timeout_ms++; /* rather late than once more in vain */
        Py_BEGIN_ALLOW_THREADS
        ready = epoll_wait(self->epoll_fd, events, EVENTS, timeout_ms);
        Py_END_ALLOW_THREADS
        if (ready > 0 && now_s() - begun < SPIN_S) self->sleeps = 0;
    }
    return ready;
}

static PyObject *relay_poll(PyObject *object, PyObject *argument) {
    Relay *self = (Relay *)object;
    double timeout_s = PyFloat_AsDouble(argument);
    if (timeout_s == -1.0 && PyErr_Occurred()) return NULL;
    struct epoll_event events[EVENTS];
    double until = now_s() + (timeout_s < LONGEST_POLL_S ? timeout_s : LONGEST_POLL_S);
    PyObject *others = PyList_New(0);
    int ready = wait_for(self, events, timeout_s);
    while (others && ready > 0) {
        double at = now_s();
        int is_callers = at >= until; /* whether the caller has something to do now */
        PyObject *now = PyFloat_FromDouble(at);
        if (!now) Py_CLEAR(others);
        for (int i = 0; others && i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd < self->room && self->carried[fd].sender) {
                int result = relay_one(self, fd, now);
                if (result < 0) Py_CLEAR(others);
                if (result > 0) is_callers = 1;
                continue;
            }
            PyObject *other = Py_BuildValue("(iI)", fd, (unsigned int)events[i].events);
            if (!other || PyList_Append(others, other)) Py_CLEAR(others);
            Py_XDECREF(other);
            is_callers = 1;
        }
        Py_XDECREF(now);
        if (is_callers) return others;
        ready = glance(self, events);
    }
    if (ready < 0) {
        if (errno != EINTR) PyErr_SetFromErrno(PyExc_OSError);
        if (errno != EINTR || PyErr_CheckSignals()) Py_CLEAR(others);
    }
    return others;
}

static PyObject *relay_carry(PyObject *object, PyObject *arguments) {
    Relay *self = (Relay *)object;
    int fd;
    PyObject *sender, *on_datagram, *on_fault;
    if (!PyArg_ParseTuple(arguments, "iOOO", &fd, &sender, &on_datagram, &on_fault)) return NULL;
    if (!Py_IS_TYPE(sender, self->sender_type)) return PyErr_Format(PyExc_TypeError, "carries no other sender");
    if (fd < 0) return PyErr_Format(PyExc_ValueError, "is no descriptor");
    if (fd >= self->room) {
        int room = self->room ? self->room : 64;
        while (room <= fd) {
            if (room > INT_MAX / 2) return PyErr_NoMemory();
            room *= 2;
        }
        Carried *carried = PyMem_Resize(self->carried, Carried, room);
        if (!carried) return PyErr_NoMemory();
        memset(carried + self->room, 0, (size_t)(room - self->room) * sizeof *carried);
        self->carried = carried, self->room = room;
    }
    Carried *one = &self->carried[fd];
    if (one->sender) return PyErr_Format(PyExc_ValueError, "descriptor %d is carried already", fd);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(self->epoll_fd, EPOLL_CTL_ADD, fd, &event)) return PyErr_SetFromErrno(PyExc_OSError);
    one->sender = Py_NewRef(sender), one->on_datagram = Py_NewRef(on_datagram), one->on_fault = Py_NewRef(on_fault);
    Py_RETURN_NONE;
}

static void let_go(Carried *one) {
    Carried old = *one;
    memset(one, 0, sizeof *one);
    Py_XDECREF(old.sender), Py_XDECREF(old.on_datagram), Py_XDECREF(old.on_fault);
}

static PyObject *relay_give_up(PyObject *object, PyObject *argument) {
    Relay *self = (Relay *)object;
    int fd = (int)PyLong_AsLong(argument);
    if (fd == -1 && PyErr_Occurred()) return NULL;
    if (fd < 0 || fd >= self->room || !self->carried[fd].sender)
        return PyErr_Format(PyExc_KeyError, "descriptor %d is not carried", fd);
    struct epoll_event event = {0};
    int result = epoll_ctl(self->epoll_fd, EPOLL_CTL_DEL, fd, &event);
    let_go(&self->carried[fd]);
    if (result) return PyErr_SetFromErrno(PyExc_OSError);
    Py_RETURN_NONE;
}

static PyObject *relay_clear(PyObject *object, PyObject *Py_UNUSED(ignored)) {
    Relay *self = (Relay *)object;
    for (int fd = 0; fd < self->room; fd++) let_go(&self->carried[fd]);
    Py_RETURN_NONE;
}

static PyObject *relay_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    int epoll_fd;
    PyTypeObject *sender_type;
    static char *names[] = {"epoll_fd", "sender_type", NULL};
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "iO!", names, &epoll_fd, &PyType_Type, &sender_type))
        return NULL;
    Relay *self = (Relay *)type->tp_alloc(type, 0);
    if (!self) return NULL;
    self->epoll_fd = epoll_fd;
    self->sender_type = (PyTypeObject *)Py_NewRef((PyObject *)sender_type);
    if (find_slots(self, sender_type)) Py_CLEAR(self);
    return (PyObject *)self;
}

static int relay_traverse(PyObject *object, visitproc visit, void *arg) {
    Relay *self = (Relay *)object;
    Py_VISIT(Py_TYPE(object));
    Py_VISIT(self->sender_type);
    for (int fd = 0; fd < self->room; fd++) {
        Py_VISIT(self->carried[fd].sender);
        Py_VISIT(self->carried[fd].on_datagram);
        Py_VISIT(self->carried[fd].on_fault);
    }
    return 0;
}

static int relay_tp_clear(PyObject *object) {
    Relay *self = (Relay *)object;
    for (int fd = 0; fd < self->room; fd++) let_go(&self->carried[fd]);
    Py_CLEAR(self->sender_type);
    return 0;
}

static void relay_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    PyObject_GC_UnTrack(object);
    relay_tp_clear(object);
    PyMem_Free(((Relay *)object)->carried);
    type->tp_free(object);
    Py_DECREF(type);
}

static PyMethodDef relay_methods[] = {
    {"poll", relay_poll, METH_O, "Wait for at most so many seconds; return what is ready and not carried."},
    {"carry", relay_carry, METH_VARARGS, "Answer the ACKs that the sender awaits on this descriptor."},
    {"give_up", relay_give_up, METH_O, "Forget a carried descriptor; to be called before it is closed."},
    {"clear", relay_clear, METH_NOARGS, "Forget all that is carried."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot relay_slots[] = {
    {Py_tp_doc, "Answers awaited ACKs without the interpreter; see ringfence.server.io.relay."},
    {Py_tp_new, relay_new},
    {Py_tp_dealloc, relay_dealloc},
    {Py_tp_traverse, relay_traverse},
    {Py_tp_clear, relay_tp_clear},
    {Py_tp_methods, relay_methods},
    {0, NULL},
};

static PyType_Spec relay_spec = {
    .name = "ringfence.server.io._relay.Relay",
    .basicsize = sizeof(Relay),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = relay_slots,
};

static int relay_exec(PyObject *module) {
    PyObject *type = PyType_FromModuleAndSpec(module, &relay_spec, NULL);
    if (!type) return -1;
    int result = PyModule_AddObjectRef(module, "Relay", type);
    Py_DECREF(type);
    return result;
}

static PyModuleDef_Slot module_slots[] = {{Py_mod_exec, relay_exec}, {0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_relay",
    .m_doc = "The lock-step transfers' hot path, for machines that have a C compiler.",
    .m_slots = module_slots,
};

PyMODINIT_FUNC PyInit__relay(void) { return PyModuleDef_Init(&module); }
