#include "base/log.h"

#include "fixture.h"
#include "logged_by.h"

namespace {

std::string logged(std::string_view message)
{
    return logged_by([&] { base::log(message); });
}

} // namespace

BOOST_AUTO_TEST_SUITE(log_tests)

BOOST_AUTO_TEST_CASE(a_message_is_one_line_with_its_time)
{
    auto text = logged("all is well");
    for (auto& c : text) {
        if (c >= '0' && c <= '9')
            c = '0';
    }
    BOOST_TEST(text == "0000-00-00T00:00:00.000Z session-voice: all is well\n");
}

BOOST_AUTO_TEST_CASE(no_control_character_can_forge_a_line)
{
    std::string message;
    for (char c = 0; c < 0x20; ++c)
        message += c;
    message += '\x7f';
    const auto text = logged("a" + message + "2026-01-01T00:00:00.000Z session-voice: forged");

    BOOST_TEST(std::count(text.begin(), text.end(), '\n') == 1);
    BOOST_TEST(text.back() == '\n');
    for (const char c : text.substr(0, text.size() - 1))
        BOOST_TEST((static_cast<unsigned char>(c) >= 0x20 && c != 0x7f));
    // Nothing is lost, either.
    BOOST_TEST(text.find("a\\x00\\x01\\x02") != std::string::npos, text);
    BOOST_TEST(text.find("\\x09\\x0a\\x0b\\x0c\\x0d") != std::string::npos, text);
    BOOST_TEST(text.find("\\x1b") != std::string::npos, text);
    BOOST_TEST(text.find("\\x1f\\x7f2026") != std::string::npos, text);
}

BOOST_AUTO_TEST_CASE(a_message_names_the_request_that_is_being_served)
{
    {
        const base::LogScope outer("one");
        {
            const base::LogScope inner("two");
            BOOST_TEST(logged("a").ends_with("session-voice: a (request two)\n"));
        }
        BOOST_TEST(logged("b").ends_with("session-voice: b (request one)\n"));
    }
    BOOST_TEST(logged("c").ends_with("session-voice: c\n"));
}

BOOST_AUTO_TEST_CASE(text_beyond_ascii_stays_as_it_is)
{
    BOOST_TEST(logged("za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87").find("za\xc5\xbc\xc3\xb3\xc5\x82\xc4\x87\n") !=
               std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_written_stops_nothing)
{
    const int saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
    ::close(STDERR_FILENO);
    BOOST_CHECK_NO_THROW(base::log("nobody hears this"));
    ::dup2(saved, STDERR_FILENO);
    ::close(saved);
}

BOOST_AUTO_TEST_SUITE_END()
