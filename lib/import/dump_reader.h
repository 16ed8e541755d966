// A dump of an SQLite database as SQL, read as data: no database ever sees it. Of what a dump consists of,
// CREATE TABLE and INSERT are understood, and what makes up values there. Other statements of a dump are
// skipped; one that no dump has, such as UPDATE, would leave another database than the one that is read here,
// so such a text is refused.
#pragma once

#include "database/foreign_rows.h"

#include <istream>
#include <vector>

namespace importing {

// Hands on the rows of the wanted tables, in the order of the text, and returns which tables are there. What
// it keeps in memory does not grow with the text.
//
// Throws Error(invalid_argument), maybe after some rows: "incomplete_dump" if the end is missing, as far as
// that can be seen; "not_a_dump"; "wrong_table" for a wanted one that is a view or virtual, is defined twice,
// lacks a wanted column, or has a row that does not fit.
std::vector<bool> read_dump(std::istream& dump, const std::vector<database::WantedTable>& wanted,
                            const database::RowHandler& on_row);

} // namespace importing
