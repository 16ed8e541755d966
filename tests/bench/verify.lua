-- For wrk: signs in with each line that sign wrote to the file BENCH_CLIENTS, once. Ends when there are no more.
local at = 0

function setup(thread)
    thread:set("offset", at)
    at = at + 1
end

function init()
    requests = {}
    local threads = tonumber(os.getenv("BENCH_THREADS"))
    local number = 0
    for line in io.lines(os.getenv("BENCH_CLIENTS")) do
        number = number + 1
        if number % threads == offset then
            local wallet, nonce, signature = line:match("(%S+) (%S+) (%S+)")
            requests[#requests + 1] = wrk.format("POST", "/auth/verify", { ["Content-Type"] = "application/json" },
                ('{"wallet":"%s","nonce":"%s","signature":"%s"}'):format(wallet, nonce, signature))
        end
    end
    next_one = 0
end

function request()
    next_one = next_one + 1
    if next_one >= #requests then wrk.thread:stop() end
    return requests[math.min(next_one, #requests)]
end
