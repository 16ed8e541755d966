// When the write-ahead log is to be moved into the database file.
#pragma once

namespace sqlite {

// A checkpoint begins with a sync of the log. What is synced before, while others write, they need not wait
// for then; so a log that has become long is synced after one commit and moved with the next. A reader of an
// old snapshot can hold a checkpoint back: then it is tried again when the log has grown by as much once
// more.
class Wal
{
  public:
    explicit Wal(int checkpoint_after_pages)
        : checkpoint_after_pages_(checkpoint_after_pages), checkpoint_at_pages_(checkpoint_after_pages)
    {
    }

    enum class State
    {
        is_short,
        to_be_synced,       // long, and not on the disk as a whole
        to_be_checkpointed, // long, and synced since it was
    };
    State state() const
    {
        if (is_moved_ || pages_ < checkpoint_at_pages_)
            return State::is_short;
        return is_synced_ ? State::to_be_checkpointed : State::to_be_synced;
    }

    int pages() const { return pages_; }
    void commits() { pages_ = 0; } // SQLite tells how many, if it writes any
    void committed(int pages)      // so many in all
    {
        pages_ = pages;
        is_moved_ = false;
        is_synced_ = is_synced_ && pages_ >= checkpoint_at_pages_;
    }
    void synced() { is_synced_ = state() != State::is_short; }
    void checkpointed(bool is_complete)
    {
        is_synced_ = false;
        is_moved_ = is_complete;
        checkpoint_at_pages_ = (is_complete ? 0 : pages_) + checkpoint_after_pages_;
    }

  private:
    int checkpoint_after_pages_;
    int checkpoint_at_pages_;
    int pages_ = 0; // after the last commit of this connection
    bool is_moved_ = false;
    bool is_synced_ = false;
};

} // namespace sqlite
