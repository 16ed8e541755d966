// The program as FastCGI worker. (FastCGI 1.0, Open Market, 1996, by way of libfcgi.)
#pragma once

#include "app.h"

// Serves what connects to the socket on descriptor 0 until it is time to end; gives back the exit status.
//
// Under load it takes the next request before it has answered the last one, if that waits only for the disk:
// then one sync does for several. Whoever waits for nothing is answered at once.
int serve_fastcgi(App& app);

// Whether descriptor 0 is such a socket: as plain CGI program there is none.
bool is_fastcgi();
