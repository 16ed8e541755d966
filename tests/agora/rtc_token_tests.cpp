#include "agora/rtc_token.h"

#include "base/base64.h"
#include "base/hex.h"
#include "base/hmac.h"
#include "fixture.h"

#include <zlib.h>

namespace {

// What a token says, read as Agora's server reads it.
struct Content
{
    std::string signature;
    std::string info; // what is signed
    std::string app_id;
    std::uint32_t issue_ts = 0;
    std::uint32_t expire = 0;
    std::uint32_t salt = 0;
    std::map<std::uint32_t, std::uint32_t> privileges;
    std::string channel;
    std::string uid;
};

class Reader
{
  public:
    explicit Reader(std::string bytes) : bytes_(std::move(bytes)) {}
    std::uint32_t u16() { return number(2); }
    std::uint32_t u32() { return number(4); }
    std::string string()
    {
        const auto length = u16();
        return take(length);
    }
    std::string rest() const { return bytes_.substr(at_); }

  private:
    std::string take(std::size_t count)
    {
        BOOST_REQUIRE(bytes_.size() - at_ >= count);
        at_ += count;
        return bytes_.substr(at_ - count, count);
    }
    std::uint32_t number(std::size_t count)
    {
        std::uint32_t value = 0;
        const auto bytes = take(count);
        for (std::size_t i = count; i-- > 0;)
            value = value << 8 | static_cast<unsigned char>(bytes[i]);
        return value;
    }

    std::string bytes_;
    std::size_t at_ = 0;
};

Content parse(const std::string& packed)
{
    Content content;
    Reader reader(packed);
    content.signature = reader.string();
    content.info = reader.rest();
    content.app_id = reader.string();
    content.issue_ts = reader.u32();
    content.expire = reader.u32();
    content.salt = reader.u32();
    BOOST_TEST(reader.u16() == 1u); // one service
    BOOST_TEST(reader.u16() == 1u); // RTC
    const auto count = reader.u16();
    for (std::uint32_t i = 0; i < count; ++i) {
        const auto key = reader.u16();
        BOOST_TEST((content.privileges.empty() || content.privileges.rbegin()->first < key)); // ascending
        content.privileges[key] = reader.u32();
    }
    content.channel = reader.string();
    content.uid = reader.string();
    BOOST_TEST(reader.rest().empty());
    return content;
}

// Standard base64, padded, by rewriting it to the alphabet that the library reads.
std::string from_base64(std::string text)
{
    BOOST_TEST(text.size() % 4 == 0u);
    for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i)
        text.pop_back();
    BOOST_TEST(text.find_first_of("-_=") == std::string::npos);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    const auto bytes = base::from_base64url(text);
    BOOST_REQUIRE(bytes.has_value());
    return *bytes;
}

// The content of a token's text. A deflate stream is not unique, so texts are never compared.
std::string inflated(const std::string& token)
{
    BOOST_REQUIRE(token.substr(0, 3) == "007");
    const auto compressed = from_base64(token.substr(3));
    std::string content(100000, '\0');
    auto length = static_cast<uLongf>(content.size());
    auto used = static_cast<uLong>(compressed.size());
    BOOST_REQUIRE(::uncompress2(reinterpret_cast<Bytef*>(content.data()), &length,
                                reinterpret_cast<const Bytef*>(compressed.data()), &used) == Z_OK);
    BOOST_TEST(used == compressed.size()); // nothing comes behind it
    content.resize(length);
    return content;
}

agora::RtcToken example()
{
    agora::RtcToken token;
    token.app_id = "970CA35de60c44645bbae8a215061b33";
    token.app_certificate = "5CFd2fd1755d40ecb72977518be15d3b";
    token.channel = "heaven-free-0a1b2c3d-0000-4000-8000-000000000001";
    token.uid = 2882341273;
    token.issued_at = 1767225600;
    token.salt = 4711;
    token.expires_in_seconds = 90;
    token.privilege_expires_in_seconds = 90;
    return token;
}

bool is_internal(const base::Error& error)
{
    return error.code() == base::ErrorCode::internal;
}

} // namespace

BOOST_AUTO_TEST_SUITE(rtc_token_tests)

BOOST_AUTO_TEST_CASE(the_published_vectors_hold)
{
    const auto vectors = load_vectors("agora.json")["vectors"];
    BOOST_REQUIRE(!vectors.empty());
    for (const auto& vector : vectors) {
        BOOST_TEST_CONTEXT(vector["why"].get<std::string>())
        {
            agora::RtcToken token;
            token.app_id = vector["app_id"];
            token.app_certificate = vector["app_certificate"];
            token.channel = vector["channel"];
            token.uid = vector["uid"].get<std::uint32_t>();
            token.role = vector["role"] == 1 ? agora::Role::publisher : agora::Role::subscriber;
            token.issued_at = vector["issue_ts"].get<std::uint32_t>();
            token.salt = vector["salt"].get<std::uint32_t>();
            token.expires_in_seconds = vector["token_expire"].get<std::uint32_t>();
            token.privilege_expires_in_seconds = vector["privilege_expire"].get<std::uint32_t>();
            if (vector["token"] == "") {
                BOOST_CHECK_EXCEPTION(agora::pack(token), base::Error, is_internal);
                BOOST_CHECK_EXCEPTION(agora::build(token), base::Error, is_internal);
                continue;
            }
            const auto packed = agora::pack(token);
            BOOST_TEST(base::to_hex(packed) == vector["content_hex"].get<std::string>());
            BOOST_TEST(base::to_hex(parse(packed).signature) == vector["signature_hex"].get<std::string>());
            BOOST_TEST(base::to_hex(parse(packed).info) == vector["signing_info_hex"].get<std::string>());
            BOOST_TEST((inflated(agora::build(token)) == packed));
            // The reader of this test reads what others wrote, too.
            BOOST_TEST((inflated(vector["token"]) == packed));
        }
    }
}

BOOST_AUTO_TEST_CASE(every_input_is_under_the_signature)
{
    const auto signature = [](const agora::RtcToken& token) { return parse(agora::pack(token)).signature; };
    const auto original = signature(example());
    BOOST_TEST(original.size() == 32u);
    BOOST_TEST((signature(example()) == original));

    using Change = std::function<void(agora::RtcToken&)>;
    const std::pair<const char*, Change> changes[] = {
        {"app_id", [](auto& t) { t.app_id[0] = '8'; }},
        {"the case of app_id", [](auto& t) { t.app_id[3] = 'c'; }},
        {"app_certificate", [](auto& t) { t.app_certificate[31] = 'c'; }},
        {"the case of app_certificate", [](auto& t) { t.app_certificate[1] = 'c'; }},
        {"channel", [](auto& t) { t.channel.back() = '2'; }},
        {"a longer channel", [](auto& t) { t.channel += '1'; }},
        {"uid", [](auto& t) { ++t.uid; }},
        {"no uid", [](auto& t) { t.uid = 0; }},
        {"role", [](auto& t) { t.role = agora::Role::subscriber; }},
        {"issued_at", [](auto& t) { ++t.issued_at; }},
        {"salt", [](auto& t) { ++t.salt; }},
        {"expires_in_seconds", [](auto& t) { ++t.expires_in_seconds; }},
        {"privilege_expires_in_seconds", [](auto& t) { ++t.privilege_expires_in_seconds; }},
    };
    for (const auto& [what, change] : changes) {
        auto token = example();
        change(token);
        BOOST_TEST((signature(token) != original), what);
    }
}

BOOST_AUTO_TEST_CASE(credentials_that_are_not_32_hex_digits_make_no_token)
{
    for (const auto& wrong :
         {std::string(), std::string(31, 'a'), std::string(33, 'a'), std::string(31, 'a') + "g",
          std::string(32, ' '), std::string(31, 'a') + '\0', "0x" + std::string(30, 'a')}) {
        auto token = example();
        token.app_id = wrong;
        BOOST_CHECK_EXCEPTION(agora::build(token), base::Error, is_internal);
        token = example();
        token.app_certificate = wrong;
        BOOST_CHECK_EXCEPTION(agora::build(token), base::Error, [&](const base::Error& error) {
            return is_internal(error) &&
                   (wrong.empty() || std::string(error.what()).find(wrong) == std::string::npos);
        });
    }
}

BOOST_AUTO_TEST_CASE(a_channel_whose_length_does_not_fit_is_refused_and_not_cut)
{
    auto token = example();
    token.channel = std::string(65535, 'c');
    BOOST_TEST((parse(agora::pack(token)).channel == token.channel));
    token.channel += 'c';
    BOOST_CHECK_EXCEPTION(agora::pack(token), base::Error, is_internal);
}

// The first service passed absolute times, and its "90 s" tokens lived for 57 years.
BOOST_AUTO_TEST_CASE(a_token_of_90_seconds_expires_90_seconds_after_its_issue)
{
    const agora::TokenIssuer issuer("970CA35de60c44645bbae8a215061b33", "5CFd2fd1755d40ecb72977518be15d3b");
    SeededRandom random(1);
    const auto content = parse(inflated(issuer.issue("heaven-free-x", 2882341273, 1767225600, 90, random)));
    BOOST_TEST(content.issue_ts == 1767225600u);
    BOOST_TEST(content.expire == 90u);
    BOOST_TEST(
        (content.privileges == std::map<std::uint32_t, std::uint32_t>{{1, 90}, {2, 90}, {3, 90}, {4, 90}}));
    BOOST_TEST(content.app_id == "970CA35de60c44645bbae8a215061b33");
    BOOST_TEST(content.channel == "heaven-free-x");
    BOOST_TEST(content.uid == "2882341273");

    BOOST_TEST(parse(inflated(issuer.issue("heaven-6343-1", 1, 1767225600, 3600, random))).expire == 3600u);
}

BOOST_AUTO_TEST_CASE(each_token_has_a_salt_of_its_own_within_agoras_range)
{
    const agora::TokenIssuer issuer(std::string(32, 'a'), std::string(32, 'b'));
    SeededRandom random(2);
    std::set<std::uint32_t> salts;
    for (int i = 0; i < 200; ++i) {
        const auto content = parse(inflated(issuer.issue("c", 7, 1767225600, 90, random)));
        BOOST_TEST(content.salt >= 1u);
        BOOST_TEST(content.salt <= 99999999u);
        salts.insert(content.salt);
    }
    BOOST_TEST(salts.size() > 190u);
}

BOOST_AUTO_TEST_CASE(a_salt_is_from_1_to_99999999)
{
    // All that it fills says the one number.
    struct Told : base::Random
    {
        explicit Told(std::uint64_t number) : number_(number) {}
        void fill(unsigned char* bytes, std::size_t count) override
        {
            for (std::size_t i = 0; i < count; ++i)
                bytes[i] = static_cast<unsigned char>(number_ >> (8 * i));
        }
        std::uint64_t number_;
    };
    const agora::TokenIssuer issuer(std::string(32, 'a'), std::string(32, 'b'));
    for (const auto& [number, salt] : {std::pair(0u, 1u), {99999998u, 99999999u}, {99999999u, 1u}}) {
        Told random(number);
        BOOST_TEST(parse(inflated(issuer.issue("c", 7, 1767225600, 90, random))).salt == salt);
    }
}

BOOST_AUTO_TEST_CASE(the_signature_is_three_hmacs_over_what_is_sent)
{
    const auto token = example();
    const auto content = parse(agora::pack(token));
    const auto little_endian = [](std::uint32_t number) {
        std::string bytes;
        for (int shift = 0; shift < 32; shift += 8)
            bytes += static_cast<char>(number >> shift & 0xff);
        return bytes;
    };
    const auto by_time = base::hmac_sha256(little_endian(content.issue_ts), token.app_certificate);
    const auto by_salt = base::hmac_sha256(little_endian(content.salt), by_time);
    BOOST_TEST((base::hmac_sha256(by_salt, content.info) == content.signature));
}

BOOST_AUTO_TEST_CASE(a_token_that_would_admit_anybody_is_refused)
{
    const agora::TokenIssuer issuer(std::string(32, 'a'), std::string(32, 'b'));
    SeededRandom random(3);
    BOOST_CHECK_EXCEPTION(issuer.issue("c", 0, 1767225600, 90, random), base::Error, is_internal);
    for (const std::int64_t uid : {std::int64_t{1}, std::int64_t{4294967295}})
        BOOST_TEST(parse(inflated(issuer.issue("c", uid, 1767225600, 90, random))).uid ==
                   std::to_string(uid));
}

// 2^32 is 0 in Agora's 32 bits.
BOOST_AUTO_TEST_CASE(a_uid_beyond_32_bits_is_refused_and_not_cut)
{
    const agora::TokenIssuer issuer(std::string(32, 'a'), std::string(32, 'b'));
    SeededRandom random(4);
    for (const auto uid : {std::int64_t{1} << 32, (std::int64_t{1} << 32) + 1, std::int64_t{-1},
                           std::numeric_limits<std::int64_t>::min()})
        BOOST_CHECK_EXCEPTION(issuer.issue("c", uid, 1767225600, 90, random), base::Error, is_internal);
}

BOOST_AUTO_TEST_SUITE_END()
