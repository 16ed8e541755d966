-- Which name brought a wallet its base grant, for BASE_GRANT_PER_NAME. Grants from before this version name none.

CREATE TABLE granted_names (
    wallet TEXT NOT NULL PRIMARY KEY REFERENCES credit_accounts (wallet),
    name   TEXT NOT NULL  -- its node (EIP-137's namehash), hex
        CHECK (length(name) = 64 AND name NOT GLOB '*[^0-9a-f]*')
) STRICT, WITHOUT ROWID;

CREATE INDEX granted_names_by_name ON granted_names (name);
