// What is right and wrong with an installation, as it is said to an operator.
#pragma once

#include "base/json.h"

#include <string>

// Printed line by line as it is found, or at the end in JSON.
class Findings
{
  public:
    explicit Findings(bool as_json) : as_json_(as_json) {}

    void ok(const std::string& what);
    void warn(const std::string& what, const std::string& advice);
    void fail(const std::string& what, const std::string& advice);
    // Of a text whose first line is a title.
    void fail_each_line(const std::string& text, const std::string& advice);

    // Prints the sum; true if nothing failed.
    bool conclude() const;

  private:
    void find(const char* level, const char* mark, const std::string& what, const std::string& advice);

    const bool as_json_;
    base::Json findings_ = base::Json::array();
    int failures_ = 0;
    int warnings_ = 0;
};
