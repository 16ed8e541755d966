// The words of a text of SQL, one after the other, whatever its length: of what is long only the beginning is
// kept.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>

namespace importing {

struct Token
{
    enum class Kind
    {
        end,    // of the text
        word,   // a keyword, a name without quotes, a number
        name,   // a name in double quotes, backquotes or brackets, without them
        text,   // between quotes, without them
        blob,   // x'...'
        symbol, // any other character
    };

    Kind kind = Kind::end;
    std::string text; // at most longest_text bytes of it, see database/foreign_rows.h

    bool is_symbol(char symbol) const { return kind == Kind::symbol && text[0] == symbol; }
    // `keyword` in uppercase; the text's may be in either case.
    bool is_word(const char* keyword) const;
};

class SqlTokens
{
  public:
    explicit SqlTokens(std::istream& sql) : sql_(sql) {}

    // Throws Error(invalid_argument, "incomplete_dump") if the text ends between quotes or within a comment.
    void next(Token& token);
    std::int64_t position() const { return before_buffer_ + static_cast<std::int64_t>(at_); } // in bytes

  private:
    static constexpr int no_more = -1;

    int peek() { return at_ < filled_ || fill() ? static_cast<unsigned char>(buffer_[at_]) : no_more; }
    void skip() { ++at_; }
    bool fill();
    bool skip_if(char c);
    // What comes behind white space and comments, which is skipped as well.
    int skip_to_first();
    void skip_comment();
    void read_quoted(Token& token, char end);
    void read_word(Token& token, int first);

    std::istream& sql_;
    std::array<char, 65536> buffer_ = {};
    std::size_t at_ = 0;
    std::size_t filled_ = 0;
    std::int64_t before_buffer_ = 0;
};

} // namespace importing
