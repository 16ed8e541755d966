// What a browser shows: the page, the operator's view, and the modules that they load. The files are those of
// cgi-bin/web, compiled in.
#pragma once

#include "call.h"

http::Response get_page(App& app, const Call& call);
http::Response get_operator_view(App& app, const Call& call);
http::Response get_web_file(App& app, const Call& call);
