-- For wrk: each request is the next client's, in turn. Of the environment: BENCH_CLIENTS names the file that seed wrote,
-- BENCH_ROUTES the "METHOD /path" to ask in turn, separated by commas, BENCH_HEADER one "Name: value" more,
-- BENCH_THREADS how many threads wrk has.
local requests = {}
local at = 0

function setup(thread)
    thread:set("offset", at)
    at = at + 1
end

function init()
    local threads = tonumber(os.getenv("BENCH_THREADS"))
    local name, value = (os.getenv("BENCH_HEADER") or ""):match("(%S+): (.*)")
    local routes = {}
    for method, path in os.getenv("BENCH_ROUTES"):gmatch("(%u+) ([^,]+)") do
        routes[#routes + 1] = { method, path }
    end
    local number = 0
    for line in io.lines(os.getenv("BENCH_CLIENTS")) do
        number = number + 1
        if number % threads == offset then
            local token, room, connection = line:match("(%S+) (%S+) (%S+)")
            local method, path = unpack(routes[#requests % #routes + 1])
            local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
            if name then headers[name] = value end
            local body = method == "POST" and ('{"room_id":"%s","connection_id":"%s"}'):format(room, connection) or nil
            requests[#requests + 1] = wrk.format(method, path, headers, body)
        end
    end
    next_one = 0
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end
