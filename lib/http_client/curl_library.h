// libcurl's functions. It is loaded when the first request needs it, because linking it would cost every
// start of a plain CGI process several milliseconds.
#pragma once

#include <curl/curl.h>

namespace http_client {

// Named as libcurl names them, without "curl_".
struct CurlLibrary
{
    decltype(&curl_easy_init) easy_init = nullptr;
    decltype(&curl_easy_setopt) easy_setopt = nullptr;
    decltype(&curl_easy_perform) easy_perform = nullptr;
    decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
    decltype(&curl_easy_reset) easy_reset = nullptr;
    decltype(&curl_easy_strerror) easy_strerror = nullptr;
    decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
    decltype(&curl_slist_append) slist_append = nullptr;
    decltype(&curl_slist_free_all) slist_free_all = nullptr;
    decltype(&curl_multi_init) multi_init = nullptr;
    decltype(&curl_multi_add_handle) multi_add_handle = nullptr;
    decltype(&curl_multi_remove_handle) multi_remove_handle = nullptr;
    decltype(&curl_multi_perform) multi_perform = nullptr;
    decltype(&curl_multi_poll) multi_poll = nullptr;
    decltype(&curl_multi_info_read) multi_info_read = nullptr;
    decltype(&curl_multi_cleanup) multi_cleanup = nullptr;

    // What every request of ours has: no signals, no redirects, no proxy, certificates that are verified.
    // False if libcurl refuses any of it.
    bool set_common(CURL* handle) const;
};

// Throws Error(internal) if there is no such library, or an older one than these programs need.
const CurlLibrary& curl_library();

} // namespace http_client
