#include "http_client/curl_library.h"

#include "base/error.h"

#include <dlfcn.h>
#include <string>

namespace http_client {

namespace {

[[noreturn]] void refuse(const std::string& why)
{
    throw base::Error(base::ErrorCode::internal, "internal_error", why);
}

template <class Function>
void find(void* library, Function& function, const char* name)
{
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (function == nullptr)
        refuse(std::string("libcurl.so.4 has no ") + name);
}

CurlLibrary load()
{
    // It stays loaded: its own at-exit handlers may still run.
    void* const library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr)
        refuse("libcurl.so.4 cannot be loaded; install the package libcurl4");
    CurlLibrary curl;
    find(library, curl.easy_init, "curl_easy_init");
    find(library, curl.easy_setopt, "curl_easy_setopt");
    find(library, curl.easy_perform, "curl_easy_perform");
    find(library, curl.easy_getinfo, "curl_easy_getinfo");
    find(library, curl.easy_reset, "curl_easy_reset");
    find(library, curl.easy_strerror, "curl_easy_strerror");
    find(library, curl.easy_cleanup, "curl_easy_cleanup");
    find(library, curl.slist_append, "curl_slist_append");
    find(library, curl.slist_free_all, "curl_slist_free_all");
    find(library, curl.multi_init, "curl_multi_init");
    find(library, curl.multi_add_handle, "curl_multi_add_handle");
    find(library, curl.multi_remove_handle, "curl_multi_remove_handle");
    find(library, curl.multi_perform, "curl_multi_perform");
    find(library, curl.multi_poll, "curl_multi_poll");
    find(library, curl.multi_info_read, "curl_multi_info_read");
    find(library, curl.multi_cleanup, "curl_multi_cleanup");
    return curl;
}

} // namespace

bool CurlLibrary::set_common(CURL* handle) const
{
    const auto set = [&](CURLoption option, auto value) {
        return easy_setopt(handle, option, value) == CURLE_OK;
    };
    return set(CURLOPT_NOSIGNAL, 1L) && set(CURLOPT_FOLLOWLOCATION, 0L) &&
           set(CURLOPT_PROTOCOLS_STR, "http,https") &&
           set(CURLOPT_PROXY, "") && // a client's "Proxy:" header arrives as HTTP_PROXY
           set(CURLOPT_NOPROXY, "*") &&
           // Reading the whole bundle costs 20 ms a process; the hashed directory is read by need.
           set(CURLOPT_CAINFO, static_cast<const char*>(nullptr)) && set(CURLOPT_CAPATH, "/etc/ssl/certs");
}

const CurlLibrary& curl_library()
{
    static const CurlLibrary curl = load();
    return curl;
}

} // namespace http_client
