// An SQLite file that another program made, read as data.
#pragma once

#include "database/foreign_rows.h"

#include <string>
#include <vector>

namespace sqlite {

// Whether the file begins as one of SQLite's.
bool is_database_file(const std::string& path);

// Hands on the rows of the wanted tables, one table after the other, and returns which of them are there.
// Nobody may write to the file meanwhile. It is opened read-only, and nothing of what stands in its schema is
// run: no trigger fires, and no view, virtual table or generated column is asked.
//
// Throws Error(invalid_argument), maybe after some rows: "wrong_table" for a wanted one that is such a thing
// or lacks a wanted column; "cannot_read" for a file in use, damaged, or not SQLite's.
std::vector<bool> read_foreign_file(const std::string& path, const std::vector<database::WantedTable>& wanted,
                                    const database::RowHandler& on_row);

} // namespace sqlite
