#include "base/random.h"

#include "fixture.h"

#include <cstring>

namespace {

// Gives the same byte for ever, or a little-endian number where 8 bytes are asked for.
class ScriptedRandom : public base::Random
{
  public:
    explicit ScriptedRandom(std::uint64_t number) : number_(number) {}
    void fill(unsigned char* bytes, std::size_t count) override
    {
        for (std::size_t i = 0; i < count; ++i)
            bytes[i] = static_cast<unsigned char>(number_ >> (8 * (i % 8)) & 0xff);
    }

  private:
    std::uint64_t number_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(random_tests)

BOOST_AUTO_TEST_CASE(a_uuid_is_a_lowercase_version_4_uuid_with_hyphens_in_place)
{
    SeededRandom random(1);
    std::set<std::string> seen;
    std::set<char> variants;
    for (int i = 0; i < 1000; ++i) {
        const auto uuid = random.uuid_v4();
        BOOST_TEST(uuid.size() == 36u);
        BOOST_TEST(uuid.find_first_not_of("0123456789abcdef-") == std::string::npos, uuid);
        for (std::size_t at = 0; at < uuid.size(); ++at)
            BOOST_TEST((uuid[at] == '-') == (at == 8 || at == 13 || at == 18 || at == 23), uuid);
        BOOST_TEST(uuid[14] == '4', uuid);
        variants.insert(uuid[19]);
        BOOST_TEST(seen.insert(uuid).second, uuid << " came twice");
        BOOST_TEST(base::is_uuid(uuid));
    }
    BOOST_TEST((variants == std::set<char>{'8', '9', 'a', 'b'}));
}

BOOST_AUTO_TEST_CASE(the_fixed_bits_of_a_uuid_are_fixed_and_all_others_random)
{
    BOOST_TEST(ScriptedRandom(0).uuid_v4() == "00000000-0000-4000-8000-000000000000");
    BOOST_TEST(ScriptedRandom(~std::uint64_t{0}).uuid_v4() == "ffffffff-ffff-4fff-bfff-ffffffffffff");
    BOOST_TEST(ScriptedRandom(0xfedcba9876543210).uuid_v4() == "10325476-98ba-4cfe-9032-547698badcfe");
}

BOOST_AUTO_TEST_CASE(an_id_has_one_spelling)
{
    BOOST_TEST(base::id_of("01234567-89AB-CDEF-0123-456789abcdef") == "01234567-89ab-cdef-0123-456789abcdef");
    BOOST_TEST(base::id_of("01234567-89ab-cdef-0123-456789abcdef") == "01234567-89ab-cdef-0123-456789abcdef");
    BOOST_TEST(base::id_of("") == "");
    BOOST_TEST(base::id_of("\xc3\x84Z[@`{") == "\xc3\x84z[@`{");
}

BOOST_AUTO_TEST_CASE(only_the_shape_of_a_uuid_is_accepted)
{
    const std::string good = "01234567-89ab-cdef-0123-456789abcdef";
    BOOST_TEST(base::is_uuid(good));
    BOOST_TEST(base::is_uuid("01234567-89AB-CDEF-0123-456789ABCDEF"));
    for (std::size_t at = 0; at < good.size(); ++at) {
        auto shorter = good;
        shorter.erase(at, 1);
        BOOST_TEST(!base::is_uuid(shorter), shorter);
        for (const char wrong : {'g', ' ', '\0', '{'}) {
            auto text = good;
            text[at] = wrong;
            BOOST_TEST(!base::is_uuid(text), text);
        }
        auto swapped = good;
        swapped[at] = good[at] == '-' ? '0' : '-';
        BOOST_TEST(!base::is_uuid(swapped), swapped);
    }
    for (const std::string text :
         {"", "-", "{01234567-89ab-cdef-0123-456789abcdef}", "01234567-89ab-cdef-0123-456789abcdef\n",
          " 01234567-89ab-cdef-0123-456789abcde", "0123456789abcdef0123456789abcdef",
          "0123456789abcdef0123456789abcdef0123"})
        BOOST_TEST(!base::is_uuid(text), text);
}

BOOST_AUTO_TEST_CASE(both_ends_of_a_range_are_drawn_and_nothing_beyond)
{
    SeededRandom random(2);
    std::map<std::uint32_t, int> drawn;
    for (int i = 0; i < 8000; ++i)
        ++drawn[random.uniform(10, 17)];
    BOOST_TEST(drawn.size() == 8u);
    BOOST_TEST(drawn.begin()->first == 10u);
    BOOST_TEST(drawn.rbegin()->first == 17u);
    for (const auto& [number, times] : drawn) // 1000 expected; 8 standard deviations are 237
        BOOST_TEST(std::abs(times - 1000) < 237, number << " was drawn " << times << " times");
}

BOOST_AUTO_TEST_CASE(the_widest_and_the_narrowest_range_work)
{
    constexpr auto highest = std::numeric_limits<std::uint32_t>::max();
    BOOST_TEST(ScriptedRandom(0).uniform(0, highest) == 0u);
    BOOST_TEST(ScriptedRandom(highest).uniform(0, highest) == highest);
    BOOST_TEST(ScriptedRandom(~std::uint64_t{0}).uniform(0, highest) == highest);
    BOOST_TEST(ScriptedRandom(0).uniform(1, 99999999) == 1u);
    BOOST_TEST(ScriptedRandom(99999998).uniform(1, 99999999) == 99999999u);
    BOOST_TEST(ScriptedRandom(99999999).uniform(1, 99999999) == 1u);
    SeededRandom random(3);
    for (int i = 0; i < 10; ++i)
        BOOST_TEST(random.uniform(highest, highest) == highest);
}

BOOST_AUTO_TEST_CASE(the_system_gives_other_bytes_each_time_and_fills_all_of_them)
{
    base::SystemRandom random;
    std::string first(300, '\0'); // over 256 bytes the kernel may give less than it was asked for
    std::string second(300, '\0');
    random.fill(reinterpret_cast<unsigned char*>(first.data()), first.size());
    random.fill(reinterpret_cast<unsigned char*>(second.data()), second.size());
    BOOST_TEST(first != second);
    BOOST_TEST(first.substr(268) != std::string(32, '\0'));
    std::string touched(300, '\0');
    for (int i = 0; i < 64; ++i) {
        random.fill(reinterpret_cast<unsigned char*>(first.data()), first.size());
        for (std::size_t at = 0; at < first.size(); ++at)
            touched[at] = static_cast<char>(touched[at] | first[at]);
    }
    BOOST_TEST(touched.find('\0') == std::string::npos);
    BOOST_TEST(random.uuid_v4() != random.uuid_v4());
    random.fill(nullptr, 0);
}

BOOST_AUTO_TEST_SUITE_END()
