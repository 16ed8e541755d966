-- For wrk: each request is the next client's, in turn. CLIENTS names the file that seed wrote, POST the path.
local requests = {}
local path = os.getenv("BENCH_PATH")
local is_post = os.getenv("BENCH_METHOD") == "POST"
local at = 0

function setup(thread)
    thread:set("offset", at)
    at = at + 1
end

function init()
    for line in io.lines(os.getenv("BENCH_CLIENTS")) do
        local token, room, connection = line:match("(%S+) (%S+) (%S+)")
        local body = is_post and ('{"room_id":"%s","connection_id":"%s"}'):format(room, connection) or nil
        requests[#requests + 1] = wrk.format(is_post and "POST" or "GET", path,
            { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }, body)
    end
    next_one = 1 + math.floor(#requests / 2) * offset
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
