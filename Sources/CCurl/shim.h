// SPDX-License-Identifier: Apache-2.0
// libcurl, and its variadic calls once for each type that they take: Swift imports no variadic function of C.
#pragma once
#include <curl/curl.h>

static inline CURLcode sp_curl_set_long(CURL *_Nonnull handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}

static inline CURLcode sp_curl_set_off(CURL *_Nonnull handle, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(handle, option, value);
}

// Strings are copied by libcurl, other pointers (lists, bodies, contexts) are borrowed until the transfer is over.
static inline CURLcode sp_curl_set_pointer(CURL *_Nonnull handle, CURLoption option, const void *_Nullable value) {
    return curl_easy_setopt(handle, option, value);
}

// Bodies and headers: size is 1 always. Returning less than count ends the transfer with CURLE_WRITE_ERROR.
typedef size_t (*sp_curl_receive)(char *_Nonnull bytes, size_t size, size_t count, void *_Nullable context);

static inline CURLcode sp_curl_set_receive(CURL *_Nonnull handle, CURLoption option, sp_curl_receive _Nonnull receive) {
    return curl_easy_setopt(handle, option, receive);
}

// Makes the socket of a connection, or answers CURL_SOCKET_BAD so that there is none.
typedef curl_socket_t (*sp_curl_open)(void *_Nullable context, curlsocktype purpose,
                                      struct curl_sockaddr *_Nonnull address);

// Where the address lies: it may be longer than the type of the field says.
static inline const void *_Nonnull sp_curl_address(const struct curl_sockaddr *_Nonnull address) {
    return &address->addr;
}

static inline CURLcode sp_curl_set_open(CURL *_Nonnull handle, sp_curl_open _Nonnull open, void *_Nullable context) {
    CURLcode result = curl_easy_setopt(handle, CURLOPT_OPENSOCKETDATA, context);
    return result != CURLE_OK ? result : curl_easy_setopt(handle, CURLOPT_OPENSOCKETFUNCTION, open);
}

static inline CURLcode sp_curl_get_long(CURL *_Nonnull handle, CURLINFO info, long *_Nonnull value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode sp_curl_get_pointer(CURL *_Nonnull handle, CURLINFO info, void *_Nullable *_Nonnull value) {
    return curl_easy_getinfo(handle, info, value);
}

// Many transfers in one thread: which sockets to wait on, and until when.
typedef int (*sp_curl_watch)(CURL *_Nonnull handle, curl_socket_t socket, int what, void *_Nullable context,
                             void *_Nullable mark);
typedef int (*sp_curl_alarm)(CURLM *_Nonnull multi, long milliseconds, void *_Nullable context);

static inline CURLMcode sp_curl_multi_set(CURLM *_Nonnull multi, sp_curl_watch _Nonnull watch,
                                          sp_curl_alarm _Nonnull alarm, void *_Nullable context) {
    CURLMcode result = curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
    if (result == CURLM_OK) result = curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch);
    if (result == CURLM_OK) result = curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
    if (result == CURLM_OK) result = curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, alarm);
    return result;
}

// The next transfer that is over, with its result; NULL when there is none. curl_multi_info_read(3)
static inline CURL *_Nullable sp_curl_multi_next(CURLM *_Nonnull multi, CURLcode *_Nonnull result) {
    int left = 0;
    CURLMsg *message;
    while ((message = curl_multi_info_read(multi, &left)) != NULL) {
        if (message->msg != CURLMSG_DONE) continue;
        *result = message->data.result;
        return message->easy_handle;
    }
    return NULL;
}

// CURL_WRITEFUNC_PAUSE and CURL_SOCKET_BAD are macros with casts.
static const size_t sp_curl_write_pause = CURL_WRITEFUNC_PAUSE;
static const curl_socket_t sp_curl_no_socket = CURL_SOCKET_BAD;
