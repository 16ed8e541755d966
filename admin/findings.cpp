#include "findings.h"

#include <algorithm>
#include <iostream>
#include <sstream>

void Findings::find(const char* level, const char* mark, const std::string& what, const std::string& advice)
{
    if (as_json_) {
        findings_.push_back({{"level", level}, {"what", what}});
        if (!advice.empty())
            findings_.back()["advice"] = advice;
        return;
    }
    std::cout << mark << what << "\n";
    if (!advice.empty())
        std::cout << "      -> " << advice << "\n";
}

void Findings::ok(const std::string& what)
{
    find("ok", "ok    ", what, {});
}

void Findings::warn(const std::string& what, const std::string& advice)
{
    ++warnings_;
    find("warn", "warn  ", what, advice);
}

void Findings::fail(const std::string& what, const std::string& advice)
{
    ++failures_;
    find("fail", "FAIL  ", what, advice);
}

void Findings::fail_each_line(const std::string& text, const std::string& advice)
{
    std::istringstream lines(text);
    std::string line;
    std::getline(lines, line);
    while (std::getline(lines, line))
        fail(line.substr(std::min(line.find_first_not_of(' '), line.size())), advice);
}

bool Findings::conclude() const
{
    if (as_json_)
        std::cout << base::Json{{"findings", findings_}, {"failed", failures_}, {"warnings", warnings_}}.dump(
                         -1, ' ', false, base::Json::error_handler_t::replace)
                  << "\n";
    else
        std::cout << failures_ << " failed, " << warnings_ << " warnings\n";
    return failures_ == 0;
}
