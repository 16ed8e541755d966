// The least that a FastCGI program can do, in as many processes as the service has. The benchmarks hold the
// service against it, behind the same web server.
#include <csignal>
#include <fcgiapp.h>
#include <sys/prctl.h>

int main()
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    FCGX_Request request;
    if (FCGX_Init() != 0 || FCGX_InitRequest(&request, 0, 0) != 0)
        return 1;
    while (FCGX_Accept_r(&request) == 0) {
        FCGX_PutS("Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}", request.out);
        FCGX_Finish_r(&request);
    }
}
