// For suites that want a server.
#pragma once

#include "engine.h"

inline boost::test_tools::assertion_result with_server(boost::unit_test::test_unit_id)
{
    return engine::is_postgresql();
}
