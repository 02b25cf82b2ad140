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

static inline CURLcode sp_curl_get_long(CURL *_Nonnull handle, CURLINFO info, long *_Nonnull value) {
    return curl_easy_getinfo(handle, info, value);
}

static inline CURLcode sp_curl_get_pointer(CURL *_Nonnull handle, CURLINFO info, void *_Nullable *_Nonnull value) {
    return curl_easy_getinfo(handle, info, value);
}
