#include "base/cgi.h"

#include "fixture.h"

#include <cstdlib>

BOOST_AUTO_TEST_SUITE(cgi_tests)

BOOST_AUTO_TEST_CASE(either_variable_of_a_web_server_makes_a_cgi_request)
{
    for (const char* name : {"GATEWAY_INTERFACE", "REQUEST_METHOD"})
        ::unsetenv(name);
    BOOST_TEST(!base::is_cgi_request());
    for (const char* name : {"GATEWAY_INTERFACE", "REQUEST_METHOD"}) {
        ::setenv(name, "", 1);
        BOOST_TEST(base::is_cgi_request(), name);
        ::unsetenv(name);
    }
}

BOOST_AUTO_TEST_SUITE_END()
