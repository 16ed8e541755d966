// A server that gives way, ends, or goes out of reach, at every statement of every request and of every
// sweep.
//
//   FAULT_STRIDE=1 run_tests --run_test=postgresql_faults_tests     each of them, not every so many
#include "postgresql/faulty_server.h"
#include "postgresql/with_server.h"

BOOST_AUTO_TEST_SUITE(postgresql_faults_tests, *boost::unit_test::precondition(with_server))

BOOST_AUTO_TEST_CASE(a_statement_that_fails_leaves_everything_or_nothing)
{
    const faults::Town town;
    const faults::Silence silence;
    FaultyServer server;
    faults::Trials trials(town, server.sorts());
    const auto stride = static_cast<std::int64_t>(faults::setting("FAULT_STRIDE", 20));
    for (const auto& operation : town.operations()) {
        trials.run(operation, false, stride);
        trials.run(operation, true, stride);
    }
    trials.report("what the service asks the server");
}

BOOST_AUTO_TEST_SUITE_END()
