// The API of the application's backend: what an operator does by hand, by HTTP.
#pragma once

#include "call.h"

http::Response post_service_credits_grant(App& app, const Call& call);
http::Response post_service_credits_refund(App& app, const Call& call);
http::Response get_service_wallet(App& app, const Call& call);
http::Response get_service_wallet_history(App& app, const Call& call);
http::Response put_service_wallet_ban(App& app, const Call& call);
http::Response delete_service_wallet_ban(App& app, const Call& call);
http::Response get_service_rooms(App& app, const Call& call);
http::Response delete_service_room(App& app, const Call& call);
http::Response delete_service_room_participant(App& app, const Call& call);
http::Response get_service_usage(App& app, const Call& call);
