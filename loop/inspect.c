/* Answering the console's requests on the loop's thread, with the lock held.

   A record's key is only an address; the Task itself is looked up among
   asyncio.all_tasks(), so a record that outlived its task can do no harm. */
#include "loop/inspect.h"

/* A new reference to the live Task with this id; NULL without an exception if there is
 * none. */
static PyObject *
find_task(LoopObject *loop, uint64_t id)
{
    PyObject *asyncio = PyImport_ImportModule("asyncio");
    PyObject *tasks =
        asyncio != NULL ? PyObject_CallMethod(asyncio, "all_tasks", "O", loop) : NULL;
    PyObject *each = tasks != NULL ? PyObject_GetIter(tasks) : NULL;
    PyObject *task = NULL;
    while (each != NULL && (task = PyIter_Next(each)) != NULL) {
        const mon_task *record = mon_task_find(loop->mon, task);
        if (record != NULL && record->id == id) {
            break;
        }
        Py_DECREF(task);
    }
    Py_XDECREF(each);
    Py_XDECREF(tasks);
    Py_XDECREF(asyncio);
    return task;
}

static void
answer_error(mon_request *request)
{
    PyObject *error = PyErr_GetRaisedException();
    PyObject *text = error != NULL ? PyObject_Str(error) : NULL;
    const char *utf8 = text != NULL ? PyUnicode_AsUTF8(text) : NULL;
    mon_request_answer(request, MON_REQUEST_REFUSED, utf8 != NULL ? utf8 : "it failed");
    PyErr_Clear();
    Py_XDECREF(text);
    Py_XDECREF(error);
}

static void
answer_cancel(LoopObject *loop, mon_request *request)
{
    PyObject *task = find_task(loop, mon_request_id(request));
    if (task == NULL) {
        if (PyErr_Occurred()) {
            answer_error(request);
            return;
        }
        mon_request_answer(request, MON_REQUEST_REFUSED, "it is no longer alive");
        return;
    }
    PyObject *accepted =
        PyObject_CallMethod(task, "cancel", "s", "cancelled from the console");
    Py_DECREF(task);
    if (accepted == NULL) {
        answer_error(request);
        return;
    }
    if (accepted == Py_True) {
        mon_request_answer(request, MON_REQUEST_DONE, "cancellation requested");
    }
    else {
        mon_request_answer(request, MON_REQUEST_REFUSED, "it is done already");
    }
    Py_DECREF(accepted);
}

void
inspect_answer(LoopObject *loop)
{
    mon_request *request;
    while ((request = mon_request_take(loop->mon)) != NULL) {
        switch (mon_request_what(request)) {
        case MON_CANCEL:
            answer_cancel(loop, request);
            break;
        }
    }
}
