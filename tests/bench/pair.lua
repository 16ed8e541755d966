-- For wrk with one connection in each thread: a visitor of its own (from the file BENCH_CLIENTS) joins its room, leaves
-- it, joins again ... The two requests of a pair are counted as two.
local at = 0
local nobody = "00000000-0000-4000-8000-000000000000"

function setup(thread)
    thread:set("offset", at)
    at = at + 1
end

function init()
    local number = 0
    for line in io.lines(os.getenv("BENCH_CLIENTS")) do
        if number == offset then token, room = line:match("(%S+) (%S+)") end
        number = number + 1
    end
    headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
    join = wrk.format("POST", "/rooms/join", headers, ('{"room_id":"%s"}'):format(room))
    next_request = join
end

function request()
    return next_request
end

function response(status, _, body)
    if next_request ~= join then
        next_request = join
        return
    end
    local connection = body:match('"connection_id":"([^"]+)"') or nobody
    next_request = wrk.format("POST", "/rooms/leave", headers,
        ('{"room_id":"%s","connection_id":"%s"}'):format(room, connection))
end
