#include "import/sql_tokens.h"

#include "base/error.h"
#include "database/foreign_rows.h"

namespace importing {

namespace {

// Of ASCII, whatever the locale.
bool is_space(int c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

bool is_of_word(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           c == '.' || c >= 0x80;
}

char uppercase(char c)
{
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

void keep(std::string& text, int c)
{
    if (text.size() < database::longest_text)
        text.push_back(static_cast<char>(c));
}

[[noreturn]] void refuse_end(const char* within)
{
    throw base::Error(base::ErrorCode::invalid_argument, "incomplete_dump",
                      std::string("the dump ends within ") + within + ", so a part of it is missing");
}

} // namespace

bool Token::is_word(const char* keyword) const
{
    if (kind != Kind::word)
        return false;
    for (const char c : text) {
        if (uppercase(c) != *keyword++)
            return false;
    }
    return *keyword == '\0';
}

bool SqlTokens::fill()
{
    before_buffer_ += static_cast<std::int64_t>(filled_);
    sql_.read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
    filled_ = static_cast<std::size_t>(sql_.gcount());
    at_ = 0;
    if (sql_.bad())
        throw base::Error(base::ErrorCode::invalid_argument, "cannot_read", "the file cannot be read");
    return filled_ > 0;
}

bool SqlTokens::skip_if(char c)
{
    if (peek() != static_cast<unsigned char>(c))
        return false;
    skip();
    return true;
}

void SqlTokens::skip_comment()
{
    for (bool is_after_star = false;; skip()) {
        const int c = peek();
        if (c == no_more)
            refuse_end("a comment");
        if (is_after_star && c == '/')
            return skip();
        is_after_star = c == '*';
    }
}

int SqlTokens::skip_to_first()
{
    for (;;) {
        const int c = peek();
        if (c == no_more)
            return c;
        skip();
        if (c == '-' && skip_if('-')) {
            while (peek() != no_more && peek() != '\n')
                skip();
        } else if (c == '/' && skip_if('*')) {
            skip_comment();
        } else if (!is_space(c)) {
            return c;
        }
    }
}

void SqlTokens::read_quoted(Token& token, char end)
{
    for (;;) {
        const int c = peek();
        if (c == no_more)
            refuse_end("quotes");
        skip();
        // A quote that is doubled stands for itself; nothing can do so for a bracket.
        if (c == static_cast<unsigned char>(end) && (end == ']' || !skip_if(end)))
            return;
        keep(token.text, c);
    }
}

void SqlTokens::read_word(Token& token, int first)
{
    const bool is_number = is_digit(first) || first == '.';
    keep(token.text, first);
    for (int last = first;;) {
        const int c = peek();
        const bool is_exponents_sign = is_number && (last == 'e' || last == 'E') && (c == '+' || c == '-');
        if (c == no_more || !(is_of_word(c) || is_exponents_sign))
            return;
        skip();
        keep(token.text, c);
        last = c;
    }
}

void SqlTokens::next(Token& token)
{
    token.text.clear();
    const int first = skip_to_first();
    if (first == no_more) {
        token.kind = Token::Kind::end;
    } else if (first == '\'') {
        token.kind = Token::Kind::text;
        read_quoted(token, '\'');
    } else if (first == '"' || first == '`' || first == '[') {
        token.kind = Token::Kind::name;
        read_quoted(token, first == '[' ? ']' : static_cast<char>(first));
    } else if ((first == 'x' || first == 'X') && skip_if('\'')) {
        token.kind = Token::Kind::blob;
        read_quoted(token, '\'');
    } else if (is_of_word(first)) {
        token.kind = Token::Kind::word;
        read_word(token, first);
    } else {
        token.kind = Token::Kind::symbol;
        token.text.push_back(static_cast<char>(first));
    }
}

} // namespace importing
