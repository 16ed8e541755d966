// How long programs take from start to exit, and their processor time: each in turn, COUNT times. Prints a
// line for each: the least and the median of the wall time, the median of user + system time, in
// microseconds. usage: runs COUNT PROGRAM...   (the environment is theirs; what they print is thrown away)
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

extern char** environ; // NOLINT

namespace {

struct Taken
{
    std::vector<double> wall_us, cpu_us;
};

double microseconds(const timeval& time)
{
    return static_cast<double>(time.tv_sec) * 1e6 + static_cast<double>(time.tv_usec);
}

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
}

bool run(char* program, Taken& taken, const posix_spawn_file_actions_t& to_nowhere)
{
    using Clock = std::chrono::steady_clock;
    char* arguments[] = {program, nullptr};
    const auto begun = Clock::now();
    pid_t child = 0;
    int status = 0;
    rusage used{};
    if (posix_spawn(&child, program, &to_nowhere, nullptr, arguments, environ) != 0 ||
        wait4(child, &status, 0, &used) != child || status != 0)
        return false;
    taken.wall_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
    taken.cpu_us.push_back(microseconds(used.ru_utime) + microseconds(used.ru_stime));
    return true;
}

} // namespace

int main(int argc, char** argv)
{
    if (argc < 3)
        return 2;
    posix_spawn_file_actions_t to_nowhere;
    posix_spawn_file_actions_init(&to_nowhere);
    posix_spawn_file_actions_addopen(&to_nowhere, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&to_nowhere, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    const std::vector<char*> programs(argv + 2, argv + argc);
    std::vector<Taken> taken(programs.size());
    for (int left = std::max(1, std::atoi(argv[1])); left > 0; --left)
        for (std::size_t i = 0; i < programs.size(); ++i)
            if (!run(programs[i], taken[i], to_nowhere)) {
                std::fprintf(stderr, "%s failed\n", programs[i]);
                return 1;
            }
    for (const auto& [wall_us, cpu_us] : taken)
        std::printf("%.0f %.0f %.0f\n", *std::min_element(wall_us.begin(), wall_us.end()), median(wall_us),
                    median(cpu_us));
}
