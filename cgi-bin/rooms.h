// Free rooms.
#pragma once

#include "call.h"

namespace rooms {
struct RoomView;
}
// A room with those who are in it.
base::Json render(const App& app, const rooms::RoomView& view);

http::Response post_rooms_create(App& app, const Call& call);
http::Response post_rooms_join(App& app, const Call& call);
http::Response post_rooms_heartbeat(App& app, const Call& call);
http::Response post_rooms_token_renew(App& app, const Call& call);
http::Response post_rooms_leave(App& app, const Call& call);
http::Response get_rooms_active(App& app, const Call& call);
http::Response get_room(App& app, const Call& call);
http::Response delete_room(App& app, const Call& call);
http::Response delete_room_participant(App& app, const Call& call);
