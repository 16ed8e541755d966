// A folder of its own for a test that needs files; gone with everything in it at the end of the scope.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

class TemporaryFolder
{
  public:
    explicit TemporaryFolder(const std::filesystem::path& parent = std::filesystem::temp_directory_path())
    {
        std::string pattern = (parent / "session-voice-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr)
            throw std::runtime_error("no temporary folder");
        path_ = pattern;
    }
    ~TemporaryFolder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

    // Writes a file of that name and returns its path.
    std::string write(const std::string& name, const std::string& content) const
    {
        const auto file_path = *this / name;
        std::ofstream file(file_path, std::ios::binary);
        file << content;
        if (!file.flush())
            throw std::runtime_error("cannot write " + file_path);
        return file_path;
    }

  private:
    std::string path_;
};
