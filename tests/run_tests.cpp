#define BOOST_TEST_MODULE session_voice
#include <boost/test/unit_test.hpp>
