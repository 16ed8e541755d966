// The least that a FastCGI program can do, in as many processes as the service has. The benchmarks hold the
// service against it, behind the same web server. With NOTHING_CLOSES in its environment it closes
// connections as the service does, where libfcgi itself waits for the web server to close them.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcgiapp.h>
#include <sys/prctl.h>
#include <unistd.h>

int main()
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return 1;
    const bool closes = std::getenv("NOTHING_CLOSES") != nullptr;
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}", request.out);
        while (closes && FCGX_GetChar(request.in) != EOF) {
        }
        request.keepConnection = closes ? 1 : 0;
        FCGX_Finish_r(&request);
        if (request.ipcFd >= 0) {
            close(request.ipcFd);
            request.ipcFd = -1;
        }
    }
}
