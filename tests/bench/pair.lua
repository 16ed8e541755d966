-- For wrk with one connection in each thread: its visitors (its share of the file BENCH_CLIENTS) join their rooms and leave
-- them, one after the other, and then again. The two requests of a pair are counted as two.
local at = 0
local nobody = "00000000-0000-4000-8000-000000000000"

function setup(thread)
    thread:set("offset", at)
    at = at + 1
end

function init()
    local threads = tonumber(os.getenv("BENCH_THREADS"))
    local number = 0
    visitors = {}
    for line in io.lines(os.getenv("BENCH_CLIENTS")) do
        if number % threads == offset then
            local token, room = line:match("(%S+) (%S+)")
            local headers = { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }
            local join = wrk.format("POST", "/rooms/join", headers, ('{"room_id":"%s"}'):format(room))
            visitors[#visitors + 1] = { headers = headers, room = room, join = join }
        end
        number = number + 1
    end
    at = 0
    begin_next()
end

function begin_next()
    at = at % #visitors + 1
    next_request = visitors[at].join
end

function request()
    return next_request
end

function response(status, _, body)
    local visitor = visitors[at]
    if next_request ~= visitor.join then return begin_next() end
    local connection = body:match('"connection_id":"([^"]+)"') or nobody
    next_request = wrk.format("POST", "/rooms/leave", visitor.headers,
        ('{"room_id":"%s","connection_id":"%s"}'):format(visitor.room, connection))
end
